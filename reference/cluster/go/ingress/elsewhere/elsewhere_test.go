package elsewhere

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var errGone = errors.New("connection refused")

// pods answer as they are told and keep who was asked.
type pods struct {
	gone  map[string]bool
	asked []string
}

func (p *pods) RoundTrip(request *http.Request) (*http.Response, error) {
	p.asked = append(p.asked, request.URL.Host)
	if p.gone[request.URL.Host] {
		return nil, errGone
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

// site is a transport in front of pods a and b, both of which have just answered.
func site(t *testing.T) (*transport, *pods, *time.Time) {
	now := time.Unix(1000, 0)
	behind := &pods{gone: map[string]bool{}}
	front := Transport(behind).(*transport)
	front.now = func() time.Time { return now }
	ask(t, front, "GET", "b:1")
	ask(t, front, "GET", "a:1")
	behind.asked = nil
	return front, behind, &now
}

func ask(t *testing.T, front *transport, method, host string) error {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = front.RoundTrip(request)
	return err
}

func expect(t *testing.T, behind *pods, asked ...string) {
	t.Helper()
	if !slices.Equal(behind.asked, asked) {
		t.Errorf("asked %v, not %v", behind.asked, asked)
	}
}

func TestARequestThatFailsGoesToAnotherPodOnce(t *testing.T) {
	front, behind, _ := site(t)
	behind.gone["a:1"] = true
	if err := ask(t, front, "GET", "a:1"); err != nil {
		t.Error(err)
	}
	expect(t, behind, "a:1", "b:1")
	behind.gone["b:1"] = true
	if err := ask(t, front, "GET", "b:1"); !errors.Is(err, errGone) {
		t.Error(err)
	}
	expect(t, behind, "a:1", "b:1", "b:1")
}

func TestAPodThatFailedIsPassedOverForAMoment(t *testing.T) {
	front, behind, now := site(t)
	behind.gone["a:1"] = true
	ask(t, front, "GET", "a:1")
	*now = now.Add(rest / 2)
	behind.asked = nil
	ask(t, front, "POST", "a:1")
	expect(t, behind, "b:1")
	*now = now.Add(rest)
	behind.gone["a:1"] = false
	ask(t, front, "POST", "a:1")
	ask(t, front, "GET", "a:1")
	ask(t, front, "POST", "a:1")
	expect(t, behind, "b:1", "b:1", "a:1", "a:1")
}

func TestWhatMayHaveBeenDoneIsNotRepeated(t *testing.T) {
	front, behind, _ := site(t)
	behind.gone["a:1"] = true
	if err := ask(t, front, "POST", "a:1"); !errors.Is(err, errGone) {
		t.Error(err)
	}
	request, _ := http.NewRequest("GET", "http://b:1/", strings.NewReader("body"))
	behind.gone["b:1"] = true
	if _, err := front.RoundTrip(request); !errors.Is(err, errGone) {
		t.Error(err)
	}
	expect(t, behind, "a:1", "b:1")
}

func TestNobodyWaitsForWhomTheClientLeft(t *testing.T) {
	front, behind, _ := site(t)
	behind.gone["a:1"] = true
	left, leave := context.WithCancel(context.Background())
	leave()
	request, _ := http.NewRequestWithContext(left, "GET", "http://a:1/", nil)
	if _, err := front.RoundTrip(request); !errors.Is(err, errGone) {
		t.Error(err)
	}
	expect(t, behind, "a:1")
}

func TestOnlyAPodOfThePortThatAnsweredLatelyWillDo(t *testing.T) {
	front, behind, now := site(t)
	*now = now.Add(2 * recently)
	ask(t, front, "GET", "c:2")
	behind.gone["a:1"] = true
	if err := ask(t, front, "GET", "a:1"); !errors.Is(err, errGone) {
		t.Error(err)
	}
	expect(t, behind, "c:2", "a:1")
}
