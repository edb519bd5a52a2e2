package whole

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// first returns what a client reads at once, and what follows until the end.
func first(t *testing.T, answer http.HandlerFunc) (string, string) {
	server := httptest.NewServer(Handler(answer))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(connection, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	reader := bufio.NewReaderSize(connection, 65536)
	reader.Peek(1)
	now, _ := reader.Peek(reader.Buffered())
	piece := string(now)
	rest, _ := io.ReadAll(reader)
	return piece, string(rest[len(piece):])
}

func TestHeadAndBodyArriveTogether(t *testing.T) {
	piece, rest := first(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
	})
	if !strings.HasSuffix(piece, "\r\n\r\nbody") || rest != "" {
		t.Errorf("%q, then %q", piece, rest)
	}
}

func TestAnAnswerWithoutBodyArrives(t *testing.T) {
	piece, _ := first(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
	})
	if !strings.HasPrefix(piece, "HTTP/1.1 200") {
		t.Errorf("%q", piece)
	}
}

func TestAStreamIsNotHeldBack(t *testing.T) {
	seen := make(chan bool)
	server := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-seen
	})))
	defer server.Close()
	response, err := http.Get(server.URL)
	close(seen)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
