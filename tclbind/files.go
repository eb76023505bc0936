package tclbind

import (
	"time"

	"natstcl/kv/wire"
)

// fileQuestion has the interpreter read a file, by Tcl's rules for names, for a
// goroutine of the core that connects.
type fileQuestion struct {
	name   string
	answer chan<- fileAnswer // has room for the one answer
}

type fileAnswer struct {
	data []byte
	err  error
}

func (q *fileQuestion) run(p *Package) {
	data, err := p.host.ReadFile(q.name)
	q.answer <- fileAnswer{data, err}
}

// readFile is for any goroutine but the interpreter's. A script that does not look
// at its events leaves it without an answer.
func (p *Package) readFile(name string) ([]byte, error) {
	answer := make(chan fileAnswer, 1)
	p.mailbox.post(&fileQuestion{name, answer})
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case a := <-answer:
		return a.data, a.err
	case <-p.ended:
		return nil, errClosed
	case <-timeout.C:
		return nil, wire.Fail("ErrTimeout", "the script did not look at its events for "+patience.String())
	}
}

// patience is how long a connection attempt waits for the script to read a file.
const patience = 30 * time.Second
