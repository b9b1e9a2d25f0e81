package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// database reads and writes the project's public tables through PostgREST. It
// is plain on purpose: the client that the sidecar itself uses is part of what
// is being checked.
type database struct {
	url  string // of the project
	key  zoom.Secret
	http *http.Client
}

// pageSize is how many rows a project answers at most, unless set otherwise.
const pageSize = 1000

func newDatabase(projectURL string, key zoom.Secret) *database {
	return &database{url: strings.TrimRight(projectURL, "/"), key: key, http: &http.Client{Timeout: 15 * time.Second}}
}

// rowsOf reads all rows of a table that the filters let through. A filter is
// PostgREST's: rowsOf[User](ctx, db, "users", "id,name", "role", "eq.student").
// The table must have a column id.
func rowsOf[T any](ctx context.Context, db *database, table, columns string, filters ...string) ([]T, error) {
	query := url.Values{"select": {columns}, "order": {"id"}, "limit": {strconv.Itoa(pageSize)}}
	for i := 0; i < len(filters); i += 2 {
		query.Add(filters[i], filters[i+1])
	}
	var all []T
	for {
		query.Set("offset", strconv.Itoa(len(all)))
		var page []T
		body, err := db.call(ctx, http.MethodGet, table, query, nil)
		if err == nil {
			err = json.Unmarshal(body, &page)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
	}
}

// insert adds rows, given as anything that JSON makes an array of.
func (db *database) insert(ctx context.Context, table string, rows any) error {
	body, err := json.Marshal(rows)
	if err == nil {
		_, err = db.call(ctx, http.MethodPost, table, nil, body)
	}
	if err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}

// remove deletes the rows with these ids.
func (db *database) remove(ctx context.Context, table string, ids []string) error {
	query := url.Values{"id": {"in.(" + strings.Join(ids, ",") + ")"}}
	if _, err := db.call(ctx, http.MethodDelete, table, query, nil); err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	return nil
}

func (db *database) call(ctx context.Context, method, table string, query url.Values, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, db.url+"/rest/v1/"+table+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("apikey", string(db.key))
	if !strings.HasPrefix(string(db.key), "sb_") { // a legacy key is a token too; a new one must not be sent as one
		request.Header.Set("Authorization", "Bearer "+string(db.key))
	}
	response, err := db.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, nil
}
