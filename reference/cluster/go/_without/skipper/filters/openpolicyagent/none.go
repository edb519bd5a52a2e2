// Package openpolicyagent stands in for Skipper's filters that ask Open Policy Agent.
package openpolicyagent

import (
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/zalando/skipper/filters"
	"github.com/zalando/skipper/routing"
)

// What its options are by default; none has an effect.
const (
	DefaultCleanIdlePeriod       = time.Second
	DefaultOpaStartupTimeout     = time.Second
	DefaultMaxRequestBodySize    = 0
	DefaultMaxMemoryBodyParsing  = 0
	DefaultRequestBodyBufferSize = 0
)

// OpenPolicyAgentRegistry would hold the agents.
type OpenPolicyAgentRegistry struct{}

// OpenPolicyAgentInstanceConfig would be one agent's.
type OpenPolicyAgentInstanceConfig struct{}

type (
	registryOption = func(*OpenPolicyAgentRegistry) error
	instanceOption = func(*OpenPolicyAgentInstanceConfig) error
)

// NewOpenPolicyAgentRegistry ends the program: whoever enables these filters must not go without them unnoticed.
func NewOpenPolicyAgentRegistry(...registryOption) *OpenPolicyAgentRegistry {
	panic("this ingress is built without Open Policy Agent")
}

// Close has nothing to close.
func (*OpenPolicyAgentRegistry) Close() {}

// Do changes no routes.
func (*OpenPolicyAgentRegistry) Do(routes []*routing.Route) []*routing.Route { return routes }

// Spec is never asked for.
func Spec(*OpenPolicyAgentRegistry, ...instanceOption) filters.Spec { return nil }

// Options of the registry.
func WithMaxRequestBodyBytes(int64) registryOption   { return nil }
func WithMaxMemoryBodyParsing(int64) registryOption  { return nil }
func WithReadBodyBufferSize(int64) registryOption    { return nil }
func WithCleanInterval(time.Duration) registryOption { return nil }
func WithTracer(opentracing.Tracer) registryOption   { return nil }

// Options of an agent.
func WithConfigTemplateFile(string) instanceOption    { return nil }
func WithStartupTimeout(time.Duration) instanceOption { return nil }
func WithEnvoyMetadataFile(string) instanceOption     { return nil }
