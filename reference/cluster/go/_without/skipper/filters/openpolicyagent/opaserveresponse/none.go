// Package opaserveresponse stands in for filters that are never made.
package opaserveresponse

import "github.com/zalando/skipper/filters/openpolicyagent"

// The filters' makers.
var (
	NewOpaServeResponseSpec            = openpolicyagent.Spec
	NewOpaServeResponseWithReqBodySpec = openpolicyagent.Spec
)
