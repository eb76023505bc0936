// SPDX-License-Identifier: Apache-2.0

package fault

import "github.com/nats-io/nats.go"

// The codes. Each has a row in Table.
const (
	InvalidArg                    = "ErrInvalidArg"
	BadTimeout                    = "ErrBadTimeout"
	BadSubject                    = "ErrBadSubject"
	KeyNotFound                   = "ErrKeyNotFound"
	WrongLastSequence             = "ErrWrongLastSequence"
	BucketNotFound                = "ErrBucketNotFound"
	BucketGone                    = "BucketNotFound" // as the pure-Tcl client has it
	StreamNotFound                = "ErrStreamNotFound"
	ConsumerNotFound              = "ErrConsumerNotFound"
	MsgNotFound                   = "ErrMsgNotFound"
	JSResponse                    = "ErrJSResponse"
	JetStreamNotEnabled           = "ErrJetStreamNotEnabled"
	JetStreamNotEnabledForAccount = "ErrJetStreamNotEnabledForAccount"
	NotSupported                  = "ErrNotSupported"
	Canceled                      = "ErrCanceled"
	Incomplete                    = "ErrIncomplete"
	ObjectNotFound                = "ErrObjectNotFound"
	ObjectDeleted                 = "ErrObjectDeleted"
	ObjectExists                  = "ErrObjectExists"
	ObjectIsBucketLink            = "ErrObjectIsBucketLink"
	LinkToLink                    = "ErrLinkToLink"
	LinkToDeleted                 = "ErrLinkToDeleted"
	DigestMismatch                = "ErrDigestMismatch"
	Service                       = "ErrService"
	ContextNotFound               = "ErrContextNotFound"
	Timeout                       = "ErrTimeout"
	NoResponders                  = "ErrNoResponders"
	ConnectionClosed              = "ErrConnectionClosed"
	ConnectionDraining            = "ErrConnectionDraining"
	MaxPayload                    = "ErrMaxPayload"
	HeadersNotSupported           = "ErrHeadersNotSupported"
	NotJSMessage                  = "ErrNotJSMessage"
	Protocol                      = "ErrProtocol"
	BadQueueName                  = "ErrBadQueueName"
	BadSubscription               = "ErrBadSubscription"
	SlowConsumer                  = "ErrSlowConsumer"
	Permissions                   = "ErrPermissions"
	BadHeaderMsg                  = "ErrBadHeaderMsg"
	BufferExceeded                = "ErrBufferExceeded"
	NoServers                     = "ErrNoServers"
	ConnectionRefused             = "ErrConnectionRefused"
	ConnectionTimeout             = "ErrConnectionTimeout"
	BrokenSocket                  = "ErrBrokenSocket"
	TLS                           = "ErrTLS"
	SecureConnWanted              = "ErrSecureConnWanted"
	Authorization                 = "ErrAuthorization"
	AuthExpired                   = "ErrAuthExpired"
	AuthRevoked                   = "ErrAuthRevoked"
	AccountAuthExpired            = "ErrAccountAuthExpired"
	StaleConnection               = "ErrStaleConnection"
	Server                        = "ErrServer"
	ConsumerNotActive             = "ErrConsumerNotActive"
	ConsumerSequenceMismatch      = "ErrConsumerSequenceMismatch"
	InvalidCoroutine              = "ErrInvalidCoroutine"
	Forked                        = "ErrForked"
	Internal                      = "ErrInternal"
)

// Row is one code.
type Row struct {
	Code string
	Text string // the default of New
	// Words names what follows the code in errorCode.
	Words string
	When  string // for the documentation: what has happened
	// JetStream has the err_codes of JetStream's API that it is, by
	// github.com/nats-io/nats-server/server/errors.json.
	JetStream []string
	// Said has the beginnings of what a server says in an -ERR, in lower case.
	Said []string
	// Client has the errors of nats.go's that it is.
	Client []error
}

// Table has all codes. The README's table is made of it (go test ./tclbind -run Docs -update).
var Table = []Row{
	{Code: InvalidArg, When: "an option, a name or a value that cannot be"},
	{Code: BadTimeout, When: "a time in ms that is none"},
	{Code: BadSubject, Text: "Invalid subject", When: "what makes no subject", Said: []string{"invalid subject", "invalid publish subject"}, Client: []error{nats.ErrBadSubject}},
	{Code: KeyNotFound, When: "no such key, or it is deleted, or the revision is another key's; no keys"},
	{Code: WrongLastSequence, When: "create of a key that exists; update, delete with an old revision", JetStream: []string{"10071", "10164"}},
	{Code: BucketNotFound, When: "no such bucket"},
	{Code: BucketGone, When: "no such bucket, from its methods `status`, `watch`, `keys` and `history`"},
	{Code: StreamNotFound, When: "JetStream has no such stream", JetStream: []string{"10059"}},
	{Code: ConsumerNotFound, When: "JetStream has no such consumer", JetStream: []string{"10014"}},
	{Code: MsgNotFound, When: "the stream has no such message", JetStream: []string{"10037"}},
	{Code: JSResponse, Words: "CODE ERR_CODE", When: "any other refusal of JetStream, with the reply's `code` and `err_code`"},
	{Code: JetStreamNotEnabled, When: "the server has no JetStream"},
	{Code: JetStreamNotEnabledForAccount, When: "the account has no JetStream", JetStream: []string{"10039"}},
	{Code: NotSupported, When: "the server, or how the bucket is configured, does not allow it"},
	{Code: Canceled, Text: "The operation was canceled", When: "a callback for the progress has canceled the operation"},
	{Code: Incomplete, Words: "ERRORS REVISIONS", When: "of many puts some failed: a dict of keys with their errors, and a list of the revisions"},
	{Code: ObjectNotFound, When: "no such object"},
	{Code: ObjectDeleted, When: "the object was deleted"},
	{Code: ObjectExists, When: "an object of that name exists"},
	{Code: ObjectIsBucketLink, When: "the object is a link to a bucket, and has no content"},
	{Code: LinkToLink, When: "a link cannot lead to a link"},
	{Code: LinkToDeleted, When: "a link cannot lead to a deleted object"},
	{Code: DigestMismatch, When: "an object's content is not what was put"},
	{Code: Service, Words: "CODE ?DATA?", When: "a service answered with an error: its number, and what the answer has beside it"},
	{Code: ContextNotFound, When: "there is no such NATS context, or none is selected"},
	{Code: Timeout, When: "no answer in time"},
	{Code: NoResponders, When: "nobody listens to the subject"},
	{Code: ConnectionClosed, Text: "Connection closed", When: "no connection, or it was closed meanwhile"},
	{Code: ConnectionDraining, When: "`subscribe` while the connection drains"},
	{Code: MaxPayload, When: "longer than the server takes", Client: []error{nats.ErrMaxPayload}},
	{Code: HeadersNotSupported, Text: "Headers are not supported by this server", When: "headers to a server that takes none", Client: []error{nats.ErrHeadersNotSupported}},
	{Code: NotJSMessage, When: "`nats::metadata` of a message that is from no consumer"},
	{Code: Protocol, When: "the server, or who answers for JetStream, says what cannot be read"},
	{Code: BadQueueName, When: "a queue group that cannot be"},
	{Code: BadSubscription, When: "no such subscription"},
	{Code: SlowConsumer, When: "in last_error: messages of a subscription are dropped"},
	{Code: Permissions, When: "in last_error: the server refused a subject", Said: []string{"permissions violation"}},
	{Code: BadHeaderMsg, When: "in last_error: a message with a broken header was dropped"},
	{Code: BufferExceeded, When: "more was published than the option `pending_out` lets wait, for a server that is slow or while there is none"},
	{Code: NoServers, When: "connecting failed: there is no server left to try"},
	{Code: ConnectionRefused, When: "connecting failed: nobody listens there"},
	{Code: ConnectionTimeout, When: "connecting failed: no answer in time"},
	{Code: BrokenSocket, When: "the connection was lost"},
	{Code: TLS, When: "TLS failed, or its options cannot be"},
	{Code: SecureConnWanted, When: "one side wants TLS, and the other has none"},
	{Code: Authorization, When: "the server refused the login, or there is none to show", Said: []string{"authorization violation", "authorization timeout"}, Client: []error{nats.ErrNkeysNotSupported}},
	{Code: AuthExpired, When: "the login has expired", Said: []string{"user authentication expired"}},
	{Code: AuthRevoked, When: "the login was revoked", Said: []string{"user authentication revoked"}},
	{Code: AccountAuthExpired, When: "that of the account has expired", Said: []string{"account authentication expired"}},
	{Code: StaleConnection, When: "one side has heard nothing of the other for too long", Said: []string{"stale connection"}, Client: []error{nats.ErrStaleConnection}},
	{Code: Server, When: "any other error that a server told"},
	{Code: ConsumerNotActive, When: "in an ordered consumer's last_error: it was started anew"},
	{Code: ConsumerSequenceMismatch, When: "in an ordered consumer's last_error: it was started anew"},
	{Code: InvalidCoroutine, When: "to bgerror: a coroutine that waited was deleted"},
	{Code: Forked, When: "in a child of `fork` that has not called `exec`"},
	{Code: Internal, When: "a fault of the package, with what went wrong in the log"},
}
