// Package gcp stands in for KEDA's own: no Google SDK is linked.
package gcp

import (
	"errors"
	"net/http"

	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
)

// GcpScopeMonitoringRead is asked for by name, and read by nobody.
const GcpScopeMonitoringRead = ""

// ErrGoogleApplicationCrendentialsNotFound tells a caller to go on without.
var ErrGoogleApplicationCrendentialsNotFound = errors.New("no credentials of Google")

func GetGCPOAuth2HTTPTransport(*scalersconfig.ScalerConfig, http.RoundTripper, ...string) (http.RoundTripper, error) {
	return nil, ErrGoogleApplicationCrendentialsNotFound
}
