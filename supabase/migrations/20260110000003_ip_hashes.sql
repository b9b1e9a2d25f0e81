-- Where a check-in came from, as a salted hash: enough to see that many came from one place, too little to tell which.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks public.qr_checkins for a moment: a column is added.

alter table public.qr_checkins add column ip_hash varchar(64);

comment on column public.qr_checkins.ip_hash is 'Salted hash of the address the check-in came from, 32 hexadecimal characters.';
