// Package azure stands in for KEDA's own: no Azure SDK is linked.
package azure

import (
	"net/http"

	"github.com/go-logr/logr"

	"github.com/kedacore/keda/v2/apis/keda/v1alpha1"
)

// TryAndGetAzureManagedPrometheusHTTPRoundTripper says that no Prometheus is Azure's.
func TryAndGetAzureManagedPrometheusHTTPRoundTripper(
	logr.Logger, v1alpha1.AuthPodIdentity, map[string]string,
) (http.RoundTripper, error) {
	return nil, nil
}

// Keys of a service principal's settings, which nothing here reads.
const (
	ServicePrincipalAuthKey                      = "servicePrincipal"
	ServicePrincipalTenantIDKey                  = "tenantID"
	ServicePrincipalClientIDKey                  = "clientID"
	ServicePrincipalCloudKey                     = "cloud"
	ServicePrincipalActiveDirectoryEndpointKey   = "activeDirectoryEndpoint"
	ServicePrincipalClientSecretKey              = "clientSecret"
	ServicePrincipalClientCertificateKey         = "clientCertificate"
	ServicePrincipalClientCertificatePasswordKey = "clientCertificatePassword"
)
