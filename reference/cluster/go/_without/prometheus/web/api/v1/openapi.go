// Stands in for the description of the API in OpenAPI's terms, whose libraries cost more to compile than all the rest.
package v1

import (
	"log/slog"
	"net/http"
)

// OpenAPIOptions is what the description would be made of.
type OpenAPIOptions struct {
	IncludePaths   []string
	ExternalURL    string
	Version        string
	MaxSearchLimit int
}

// OpenAPIBuilder has no description.
type OpenAPIBuilder struct{}

// NewOpenAPIBuilder makes nothing.
func NewOpenAPIBuilder(OpenAPIOptions, *slog.Logger) *OpenAPIBuilder { return &OpenAPIBuilder{} }

// ServeOpenAPI answers that there is none.
func (*OpenAPIBuilder) ServeOpenAPI(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// WrapHandler is the original's: it never checked a request.
func (*OpenAPIBuilder) WrapHandler(next http.HandlerFunc) http.HandlerFunc { return next }
