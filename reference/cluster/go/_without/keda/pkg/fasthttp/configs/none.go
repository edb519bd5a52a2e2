// Package configs stands in for what KEDA configures a second HTTP client with, which the Prometheus scaler does not use.
package configs

import (
	"crypto/tls"
	"time"
)

// HTTPTransport is written by KEDA and read by nobody.
type HTTPTransport struct {
	MaxIdleConnDuration time.Duration
	ReadTimeout         time.Duration
	WriteTimeout        time.Duration
}

// TransportOption is one that no client takes.
type TransportOption struct{}

func SetTransportConfigs(*HTTPTransport) TransportOption { return TransportOption{} }

func SetTLS(*tls.Config) TransportOption { return TransportOption{} }
