// Command ingress is Skipper, but for Open Policy Agent, with two of its own hooks in use: a request that one pod did
// not answer goes to another, and the head of an answer leaves together with its body.
package main

import (
	log "github.com/sirupsen/logrus"
	"github.com/zalando/skipper"
	"github.com/zalando/skipper/config"

	"reference/cluster/ingress/elsewhere"
	"reference/cluster/ingress/whole"
)

func main() {
	configured := config.NewConfig()
	if err := configured.Parse(); err != nil {
		log.Fatalf("Error processing config: %s", err)
	}
	log.SetLevel(configured.ApplicationLogLevel)
	options := configured.ToOptions()
	options.CustomHttpRoundTripperWrap = elsewhere.Transport
	options.CustomHttpHandlerWrap = whole.Handler
	if err := skipper.Run(options); err != nil {
		log.Fatal(err)
	}
}
