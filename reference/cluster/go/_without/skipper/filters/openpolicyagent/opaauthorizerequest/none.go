// Package opaauthorizerequest stands in for filters that are never made.
package opaauthorizerequest

import "github.com/zalando/skipper/filters/openpolicyagent"

// The filters' makers.
var (
	NewOpaAuthorizeRequestSpec         = openpolicyagent.Spec
	NewOpaAuthorizeRequestWithBodySpec = openpolicyagent.Spec
)
