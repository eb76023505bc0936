// SPDX-License-Identifier: Apache-2.0

// Package wire is one NATS connection as docs/connection.md has it: the
// server pool, status and last error, subscriptions with IDs, requests with
// deadlines, and what is kept while there is no server. nats.go makes the
// connections: one nats.Conn (NoReconnect) for each attempt at one server. It
// speaks all of the protocol but the messages, which go past it both ways.
//
// Nothing here blocks its caller on the network. What takes time ends in a
// done function, called exactly once, unless the call itself returned an error:
// then nothing was sent, and done is never called.
//
// Deliveries and done functions of one Conn are called one after another, in
// the order in which things came from the wire, by goroutines of the Conn. They
// must return soon, and may call the Conn.
package wire

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// Status of a connection, by the words that scripts see.
type Status string

const (
	Closed       Status = "closed"
	Connecting   Status = "connecting"
	Connected    Status = "connected"
	Reconnecting Status = "reconnecting"
)

// Level of a log line.
type Level string

const (
	LogError Level = "error"
	LogWarn  Level = "warn"
	LogInfo  Level = "info"
	LogDebug Level = "debug"
)

// Observer is told what happens to a connection, in order. Its methods are
// called under the Conn's lock, by whatever goroutine made the change: they must
// not block and must not call the Conn. (The Tcl packages post to the mailbox.)
type Observer interface {
	// Status is told of each change, once.
	Status(Status)
	// LastError is told of each error, before the status that changes because
	// of it; nil empties it.
	LastError(*fault.Error)
	// ServerInfo is told each INFO, as the server sent it.
	ServerInfo(dict.Dict)
	Log(Level, string)
	// ReconnectDelay asks for the wait before a further attempt at a server. It is only called where
	// Options.CustomReconnectDelay is set. answer may be called by any goroutine, once.
	ReconnectDelay(server dict.Dict, answer func(time.Duration))
}

// Options of a connection; DefaultOptions has the defaults. Durations
// as they are, not ms.
type Options struct {
	Name                 string
	Pedantic, Verbose    bool
	Secure               bool // demand TLS
	TLSFirst             bool // demand it, and before the server's INFO (its handshake_first); a WebSocket has it so anyway
	Echo                 bool // receive own messages
	Randomize            bool
	CheckSubjects        bool
	ConnectTimeout       time.Duration // one server's whole handshake
	ReconnectTimeWait    time.Duration
	ReconnectJitter      time.Duration // up to so much is added to ReconnectTimeWait, at random
	ReconnectJitterTLS   time.Duration // the same for servers of which TLS is demanded
	MaxReconnectAttempts int           // per server, -1: without end
	// NoReconnect ends a connection that is lost, in place of trying the servers again.
	NoReconnect bool
	// AuthErrorAbort ends the attempts when one server has refused the login in the same way twice in a
	// row: a wrong password does not become right.
	AuthErrorAbort bool
	// NoDiscover leaves out of the pool what servers tell of others.
	NoDiscover           bool
	CustomReconnectDelay bool
	PingInterval         time.Duration
	MaxOutstandingPings  int
	RequestTimeout       time.Duration // 0: without end
	// MaxWaiting is how many bytes of what is published may wait, for a server that is slow or frozen, and
	// likewise while there is none. Then publishing is ErrBufferExceeded, and where nothing moves for
	// some seconds the connection counts as broken. 0: no limit.
	MaxWaiting int
	// MaxKept is how many of these bytes Publish and PublishNow may add up to while there is no server:
	// then they are ErrBufferExceeded. 0: they are ErrConnectionClosed at once; negative: MaxWaiting
	// alone counts.
	MaxKept int
	// Gather, while it is true, lets what is published wait for more, for a millisecond at most: the owner
	// sets it to false and calls SendGathered when it has nothing more to say. What the Conn's own goroutines
	// publish then, for one who waits, goes out at once. nil: so does each message. Conn.Gather does the same.
	Gather *atomic.Bool
	// HandOver is for an owner who keeps messages back, as many as Room allows: it has them published (PublishAll) when it is
	// called, in any goroutine: before what was gathered is sent, before a Flush and a Drain, and when the
	// connection ends, by whomever. nil: it keeps none.
	HandOver func()
	// Acknowledged is for an owner who shows each status to others, later than it changes: calls go by the
	// last one for which Acknowledge was called, so that none fails because of what its caller cannot know
	// yet. A connection that has ended takes what is called as one that reconnects does, until the owner
	// has shown its end. Without it each status counts at once.
	Acknowledged bool
	// Language and Version are what a server is told of the client, nats.go's where Language is empty.
	Language, Version string
	InboxPrefix       string // of the subjects of replies; DefaultInboxPrefix where empty
	User, Password    string
	Token             string
	Credentials       string // name of a file with a user's JWT and seed
	JWT, NKey         string // the same by value: NKey is the seed, alone it is a login by NKey
	NKeySeed          string // name of a file with the seed, in place of NKey
	TLS               TLSOptions
	// WebSocketHeaders are sent when a WebSocket is asked for, beside those of the protocol.
	WebSocketHeaders http.Header
	// Proxy is the URL of a proxy through which servers are dialled, see CheckProxy. "": none.
	Proxy string
	// ChooseServer picks the server to be tried next, of those in the pool, by its URL or its
	// host:port, and says how long to wait before. "": the next one in turn. info is the last
	// INFO. What it picks that is not in the pool does not count. It may take its time, ends with ctx, and
	// may be called by any goroutine, as Login may.
	ChooseServer func(ctx context.Context, servers []dict.Dict, info dict.Dict) (server string, wait time.Duration)
	// Login finds what to show to a server that has sent its INFO, with the nonce that is to be signed, if
	// there is one. An empty Login: the other options count. The handshake's time goes on. An error
	// ends the attempt.
	Login func(ctx context.Context, server dict.Dict, nonce string) (Login, error)
	// ReadFile reads the files that TLS and the credentials name, at connect time, and no more than so many
	// bytes of each: what is longer than 16 MiB is refused. nil: by the system.
	// It may be called by any goroutine.
	ReadFile func(name string, most int) ([]byte, error)
	// FileName is the name that the system knows a directory by, which TLS names. nil: the same.
	FileName func(name string) (string, error)
}

// Login is what a client shows of itself (Options.Login).
type Login struct {
	User, Password string
	Token          string
	JWT            string
	NKey           string // a public key, which needs a Signature, or a seed, with which the nonce is signed
	Signature      []byte // of the nonce
}

// TLSOptions by the names of tls::import. Unknown holds names that cannot be
// honoured: connect fails with ErrTLS and a text that names them.
type TLSOptions struct {
	CAFile, CADir, CertFile, KeyFile string
	SystemFile                       string // in place of the system's authorities, where neither CAFile nor CADir is given
	ServerName                       string
	Require                          bool // the server's certificate is verified
	AnyHost                          bool // whatever host it is for; its chain is verified all the same
	// Password opens a key that is encrypted. Where it does not, AskPassword is asked for another
	// one, if it is not nil; it may be called by any goroutine.
	Password    string
	AskPassword func() (string, error)
	Unknown     []string
}

// Deliver takes the messages of a subscription. msg.Data and msg.Header belong to
// the receiver. It must not block: nothing else is read meanwhile, not even the server's PONG.
type Deliver func(msg *nats.Msg)

func (d Deliver) kept(m *Lent) { d(m.Keep()) }
