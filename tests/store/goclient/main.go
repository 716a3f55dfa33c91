// Reads a running embedded store with an unmodified clickhouse-go over HTTP, as Grafana's ClickHouse plugin does.
// Prints one JSON object with what it saw; any failure ends it with exit code 1 and a line on standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/shopspring/decimal"
)

const everyType = `
SELECT number, toString(number), toLowCardinality(toString(number % 3)), if(number % 2, NULL, number),
       [number, 1], map(toLowCardinality('k'), 'v'), toDecimal128(number, 18),
       toDateTime64('2026-11-22 01:02:03.004', 3, 'UTC'), CAST((1, 'a'), 'Tuple(x Int8, y String)'),
       [(toLowCardinality('m'), toDecimal128(1, 18))], toDate('2026-11-22')
FROM numbers(200000)`

type seen struct {
	Rows      uint64 `json:"rows"`
	Sum       uint64 `json:"sum"`
	Lengths   int    `json:"lengths"`
	LastTime  string `json:"last_time"`
	EmptyRows int    `json:"empty_rows"`
	Error     string `json:"error"`
	ErrorCode int32  `json:"error_code"`
	Refused   string `json:"refused"`
	Total     string `json:"total"`
}

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fail("usage", errors.New("goclient ADDRESS [FILE WITH STATEMENTS]"))
	}
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{os.Args[1]},
		Auth:        clickhouse.Auth{Database: "default", Username: "default", Password: os.Getenv("LYNCEUS_TOKEN")},
		Settings:    clickhouse.Settings{"max_execution_time": 30},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP},
	}
	connection, err := clickhouse.Open(options)
	fail("open", err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fail("ping", connection.Ping(ctx))
	if len(os.Args) == 3 {
		fail("print", json.NewEncoder(os.Stdout).Encode(answers(ctx, connection, os.Args[2])))
		return
	}

	var found seen
	readManyBlocks(ctx, connection, &found)
	fail("aggregate", connection.QueryRow(ctx,
		"SELECT toString(sum(assumeNotNull(cost))) FROM lynceus.cost_current WHERE department = ?", "vision").Scan(&found.Total))
	empty, err := connection.Query(ctx, "SELECT number FROM numbers(10) WHERE number > 100")
	fail("empty", err)
	for empty.Next() {
		found.EmptyRows++
	}
	fail("empty", empty.Err())
	found.Error, found.ErrorCode = refusal(connection.QueryRow(ctx, "SELECT no_such_column").Err())
	found.Refused, _ = refusal(connection.Exec(ctx, "DROP TABLE lynceus.pod_cost"))
	fail("print", json.NewEncoder(os.Stdout).Encode(found))
}

func readManyBlocks(ctx context.Context, connection clickhouse.Conn, found *seen) {
	rows, err := connection.Query(ctx, everyType)
	fail("query", err)
	var (
		number   uint64
		text     string
		low      string
		optional *uint64
		array    []uint64
		labels   map[string]string
		amount   decimal.Decimal
		at       time.Time
		pair     map[string]any
		meters   [][]any
		day      time.Time
	)
	for rows.Next() {
		fail("scan", rows.Scan(&number, &text, &low, &optional, &array, &labels, &amount, &at, &pair, &meters, &day))
		if text != fmt.Sprint(number) || (optional == nil) != (number%2 == 1) || array[0] != number || labels["k"] != "v" ||
			amount.String() != text || pair["y"] != "a" || meters[0][0] != "m" || day.Day() != 22 {
			fail("values", fmt.Errorf("row %d came back as %q %v %v %v %v %v %v %v",
				number, text, optional, array, labels, amount, pair, meters, day))
		}
		found.Rows++
		found.Sum += number
		found.Lengths += len(text)
	}
	fail("rows", rows.Err())
	found.LastTime = at.UTC().Format(time.RFC3339Nano)
}

// The rows of each statement of a JSON list, scanned into the types that the driver says, as Grafana's plugin does.
func answers(ctx context.Context, connection clickhouse.Conn, file string) [][][]any {
	text, err := os.ReadFile(file)
	fail("statements", err)
	var statements []string
	fail("statements", json.Unmarshal(text, &statements))
	found := make([][][]any, 0, len(statements))
	for _, statement := range statements {
		rows, err := connection.Query(ctx, statement)
		fail(statement, err)
		answer := [][]any{}
		for rows.Next() {
			into := make([]any, 0)
			for _, column := range rows.ColumnTypes() {
				into = append(into, reflect.New(column.ScanType()).Interface())
			}
			fail(statement, rows.Scan(into...))
			for number := range into {
				into[number] = plain(reflect.ValueOf(into[number]))
			}
			answer = append(answer, into)
		}
		fail(statement, rows.Err())
		found = append(found, answer)
	}
	return found
}

// A value without pointers, and an instant as Unix milliseconds.
func plain(value reflect.Value) any {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	if at, ok := value.Interface().(time.Time); ok {
		return at.UnixMilli()
	}
	return value.Interface()
}

func refusal(err error) (string, int32) {
	if err == nil {
		fail("refusal", errors.New("was not refused"))
	}
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return exception.Message, exception.Code
	}
	return err.Error(), 0
}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}
