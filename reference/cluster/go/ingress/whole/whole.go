// Package whole lets the head of an answer leave together with its body.
//
// A proxy that flushes the head at once makes two segments of every small answer: two system calls here, two wake-ups of
// whoever reads.
package whole

import (
	"bufio"
	"net"
	"net/http"
)

// Handler answers as next does; a head that announces a length waits for the first bytes of the body.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&writer{ResponseWriter: w}, r)
	})
}

type writer struct {
	http.ResponseWriter
	hasBody bool
}

func (w *writer) Write(data []byte) (int, error) {
	w.hasBody = true
	return w.ResponseWriter.Write(data)
}

// Flush sends what there is, except a head alone: where no body comes, the server sends it when the handler returns.
func (w *writer) Flush() {
	if !w.hasBody && w.Header().Get("Content-Length") != "" {
		return
	}
	w.ResponseWriter.(http.Flusher).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
