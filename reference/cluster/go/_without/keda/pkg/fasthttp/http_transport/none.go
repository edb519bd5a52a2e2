// Package http_transport stands in for KEDA's second HTTP client: neither it nor its compression is linked.
package http_transport

import (
	"errors"
	"net/http"

	"github.com/kedacore/keda/v2/pkg/fasthttp/configs"
)

// NewHttpTransport says that there is none.
func NewHttpTransport(...configs.TransportOption) (http.RoundTripper, error) {
	return nil, errors.New("the fast HTTP client is not built in")
}
