package trace

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/trace"
)

// OpenDB opens a pool whose statements are spans of the request or the
// delivery that they belong to; what belongs to none is not traced. The text
// of a statement is left out, and its arguments are never looked at.
func (t *Tracer) OpenDB(c driver.Connector) *sql.DB {
	if t == nil {
		return sql.OpenDB(c)
	}
	return otelsql.OpenDB(c,
		otelsql.WithTracerProvider(t.provider),
		otelsql.WithAttributes(attribute.String("db.system.name", "postgresql")),
		otelsql.WithSpanNameFormatter(func(_ context.Context, m otelsql.Method, query string) string { return statement(m, query) }),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			DisableQuery: true, OmitConnResetSession: true, OmitConnPrepare: true, OmitRows: true, OmitConnectorConnect: true,
			SpanFilter: func(ctx context.Context, _ otelsql.Method, _ string, _ []driver.NamedValue) bool {
				return api.SpanContextFromContext(ctx).IsValid()
			},
		}))
}

// statement names a span after what its statement does to which table first:
// "UPDATE methods". The words of our own statements are the only ones there are.
func statement(m otelsql.Method, query string) string {
	words := strings.Fields(query)
	if len(words) == 0 {
		return map[otelsql.Method]string{otelsql.MethodConnBeginTx: "BEGIN", otelsql.MethodTxCommit: "COMMIT", otelsql.MethodTxRollback: "ROLLBACK"}[m]
	}
	for i, word := range words[:len(words)-1] {
		switch word {
		case "FROM", "INTO", "UPDATE":
			if table := words[i+1]; strings.Trim(table, "abcdefghijklmnopqrstuvwxyz_") == "" {
				return words[0] + " " + table
			}
		}
	}
	return words[0]
}
