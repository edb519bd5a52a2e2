// Package elsewhere sends a request that one pod did not answer to another pod.
//
// Skipper repeats a request whose connection was refused, on whichever pod comes next: under load that may be the same
// one. Here the second try goes to a pod that has just answered somebody, and for a moment the pod that failed is passed
// over. A request is repeated only if it may be: GET, HEAD or OPTIONS, without a body, and only once; so it is only such a
// request that is used to see whether the pod is back.
//
// All pods of one port are taken for one service's: that is so for the one service behind this ingress.
package elsewhere

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// An answer this young vouches for a pod.
	recently = time.Second
	// How long a pod that failed is passed over, if another one answers: by what may be repeated, and by what may not.
	rest     = 250 * time.Millisecond
	longRest = 10 * time.Second
)

type pod struct{ answered, failed time.Time }

type transport struct {
	next http.RoundTripper
	now  func() time.Time

	mutex sync.Mutex
	pods  map[string]*pod
}

// Transport makes requests as next does, and where that fails elsewhere.
func Transport(next http.RoundTripper) http.RoundTripper {
	return &transport{next: next, now: time.Now, pods: map[string]*pod{}}
}

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if t.rests(request) {
		if other := t.other(request.URL.Host); other != "" {
			return t.ask(sentTo(request, other))
		}
	}
	response, err := t.ask(request)
	if err == nil || !isRepeatable(request) || request.Context().Err() != nil {
		return response, err
	}
	if other := t.other(request.URL.Host); other != "" {
		return t.ask(sentTo(request, other))
	}
	return nil, err
}

// ask makes the request and remembers how it went.
func (t *transport) ask(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	known := t.pods[request.URL.Host]
	if known == nil {
		t.forget()
		known = &pod{}
		t.pods[request.URL.Host] = known
	}
	if err == nil {
		known.answered, known.failed = t.now(), time.Time{}
	} else {
		known.failed = t.now()
	}
	return response, err
}

func (t *transport) rests(request *http.Request) bool {
	passedOver := longRest
	if isRepeatable(request) {
		passedOver = rest
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	known := t.pods[request.URL.Host]
	return known != nil && t.now().Sub(known.failed) < passedOver
}

// other is the pod that answered last, unless that is too long ago or it has failed since; "" if there is none.
func (t *transport) other(host string) string {
	_, port, _ := net.SplitHostPort(host)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	best, at := "", t.now().Add(-recently)
	for name, known := range t.pods {
		if name == host || !known.failed.IsZero() || known.answered.Before(at) {
			continue
		}
		if _, its, _ := net.SplitHostPort(name); its == port {
			best, at = name, known.answered
		}
	}
	return best
}

// forget drops the pods that have not answered for long: addresses are not used twice.
func (t *transport) forget() {
	for name, known := range t.pods {
		if t.now().Sub(known.answered) > time.Minute {
			delete(t.pods, name)
		}
	}
}

func isRepeatable(request *http.Request) bool {
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return request.Body == nil || request.Body == http.NoBody
	}
	return false
}

func sentTo(request *http.Request, host string) *http.Request {
	moved := request.WithContext(request.Context())
	address := *request.URL
	address.Host = host
	moved.URL = &address
	return moved
}
