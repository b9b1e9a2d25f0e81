-- Applies one batch. The clients take turns, so that each batch is applied once; a client beyond the last finds none.
\set n :first + :i * :clients + :client_id
\set i :i + 1
select public.apply_zoom_events(events, policy) from bench.batches where n = :n;
