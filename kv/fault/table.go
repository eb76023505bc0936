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
	Do    string // for the documentation: what a user can do about it
	// JetStream has the err_codes of JetStream's API that it is, by
	// github.com/nats-io/nats-server/server/errors.json.
	JetStream []string
	// Said has the beginnings of what a server says in an -ERR, in lower case.
	Said []string
	// Client has the errors of nats.go's that it is.
	Client []error
}

// Table has all codes. docs/errors.md is made of it (go test ./tclbind -run Docs -update).
var Table = []Row{
	{Code: InvalidArg, When: "an option, a name or a value is not allowed; the message names it",
		Do: "correct the call; the message, or errorInfo, says what would be right"},
	{Code: BadTimeout, When: "a time that a method waits is no whole number of milliseconds, or is negative. For times that a bucket, a stream or a consumer keeps (`ttl`, `max_age`, `ack_wait`) the code is ErrInvalidArg",
		Do: "give milliseconds as an integer: 1500 for one and a half seconds"},
	{Code: BadSubject, Text: "Invalid subject", When: "a subject is empty, or has characters that are not allowed there",
		Do: "use tokens with dots between them; `*` and `>` stand in subscriptions alone", Said: []string{"invalid subject", "invalid publish subject"}, Client: []error{nats.ErrBadSubject}},
	{Code: KeyNotFound, When: "the bucket has no such key, the key was deleted, the revision belongs to another key, or `keys` found none",
		Do: "for a default value catch this code; `get` with `deleted` returns the marker of a deleted key"},
	{Code: WrongLastSequence, When: "the key exists already (`create`), or somebody has written it since the revision that was given (`update`, `delete`)",
		Do: "get the key again, decide anew, and try with its new revision", JetStream: []string{"10071", "10164"}},
	{Code: BucketNotFound, When: "there is no such bucket",
		Do: "create it, or look at its name, the domain and the account: `kv_buckets` lists what there is"},
	{Code: BucketGone, When: "the methods `status`, `watch`, `keys` and `history` of a bucket find that it is not there any more",
		Do: "as for ErrBucketNotFound"},
	{Code: StreamNotFound, When: "there is no such stream",
		Do: "create it, or look at its name, the domain and the account: `stream_names` lists what there is", JetStream: []string{"10059"}},
	{Code: ConsumerNotFound, When: "the stream has no such consumer",
		Do: "create it; a consumer with `inactive_threshold` goes when nobody has used it for that long", JetStream: []string{"10014"}},
	{Code: MsgNotFound, When: "the stream has no such message",
		Do: "it was deleted, or limits of the stream have taken it", JetStream: []string{"10037"}},
	{Code: JSResponse, Words: "CODE ERR_CODE", When: "JetStream refused the request for another reason; the two numbers are the reply's `code` and `err_code`",
		Do: "the message has the server's own words"},
	{Code: JetStreamNotEnabled, When: "the server does not offer JetStream",
		Do: "put `jetstream {}` into its configuration; or the domain or the API prefix is misspelt"},
	{Code: JetStreamNotEnabledForAccount, When: "JetStream is not enabled for this account",
		Do: "enable it for the account in the server's configuration or in the account's JWT", JetStream: []string{"10039"}},
	{Code: NotSupported, When: "this server is too old for the feature, or the bucket was created without it; the message names it",
		Do: "upgrade the server, or create the bucket with the option that the message names"},
	{Code: Canceled, Text: "The operation was canceled", When: "the operation of a bucket or of an object store was canceled by its callback for the progress, which returned with the code break, or threw an error; in ErrIncomplete: that write was not begun",
		Do: "nothing; what was done until then stays"},
	{Code: Incomplete, Words: "ERRORS REVISIONS", When: "some of many writes failed: ERRORS is a dict of keys and their errors, REVISIONS the list of the revisions",
		Do: "write the keys of ERRORS again"},
	{Code: ObjectNotFound, When: "the store has no such object",
		Do: "`list` returns the names"},
	{Code: ObjectDeleted, When: "the object was deleted",
		Do: "put it again"},
	{Code: ObjectExists, When: "another object has that name already",
		Do: "choose another name, or delete that object first"},
	{Code: ObjectIsBucketLink, When: "the object is a link to a whole store and has no content of its own",
		Do: "bind the store that `info` names"},
	{Code: LinkToLink, When: "the target of a link is a link itself",
		Do: "link to what that link leads to"},
	{Code: LinkToDeleted, When: "the target of a link was deleted",
		Do: "link to an object that exists"},
	{Code: DigestMismatch, When: "the content that came is not the content that was put",
		Do: "get it again; if it happens again, the stored object is damaged and has to be put anew"},
	{Code: Service, Words: "CODE ?DATA?", When: "a service answered with an error: CODE is its number, DATA the body of its answer",
		Do: "see what the service documents for CODE"},
	{Code: ContextNotFound, When: "there is no NATS context of that name, or none is selected",
		Do: "`nats::context names` lists them; `nats context save` makes one"},
	{Code: Timeout, When: "no answer came in time. A write may have been stored all the same",
		Do: "try again, with a longer `timeout` if the server is far or busy; after a write look first whether it has happened"},
	{Code: NoResponders, When: "nobody listens to the subject. From JetStream: no server answers for it at the moment",
		Do: "start the service, or look at the subject, the domain and the API prefix"},
	{Code: ConnectionClosed, Text: "Connection closed", When: "there is no connection, or it was closed while the call waited",
		Do: "call `connect`; the connection's `last_error` tells why it was lost"},
	{Code: ConnectionDraining, When: "`subscribe` was called while the connection drains",
		Do: "subscribe before `drain`"},
	{Code: MaxPayload, When: "the message is longer than the server takes (`server_info` has max_payload)",
		Do: "send less at a time, use an object store, or raise `max_payload` of the server", Client: []error{nats.ErrMaxPayload}},
	{Code: HeadersNotSupported, Text: "Headers are not supported by this server", When: "the message has headers, and the server takes none",
		Do: "leave the headers out, or enable them in the server", Client: []error{nats.ErrHeadersNotSupported}},
	{Code: NotJSMessage, When: "`nats::metadata` was given a message that no consumer delivered",
		Do: "call it with a message of a consumer or of `fetch`"},
	{Code: Protocol, When: "the server, or who answers for JetStream, sent something that is not understood",
		Do: "see the log; a proxy in between may have changed it"},
	{Code: BadQueueName, When: "the name of a queue group is empty or has blanks",
		Do: "give one word"},
	{Code: BadSubscription, When: "the connection has no subscription of that number, or it has ended",
		Do: "use the number that `subscribe` returned"},
	{Code: SlowConsumer, When: "in last_error: a subscription's messages come faster than the script takes them, and some were dropped",
		Do: "take them faster, raise `pending_msgs` and `pending_bytes`, or use JetStream, which waits"},
	{Code: Permissions, When: "the server does not allow this user that subject; also in last_error",
		Do: "[permissions.md](permissions.md) lists the subjects that each method needs", Said: []string{"permissions violation"}},
	{Code: BadHeaderMsg, When: "in last_error: the headers of a message could not be read; the message is delivered without them",
		Do: "look at the program that sent it"},
	{Code: BufferExceeded, When: "more is waiting to be sent than `pending_out` allows, because the server is slow, frozen or away",
		Do: "wait for `ping` now and then while publishing much, or raise `pending_out`"},
	{Code: NoServers, When: "connecting failed: every server of `servers` was tried",
		Do: "last_error has the last server's reason"},
	{Code: ConnectionRefused, When: "connecting failed: no program listens at that host and port, or the name is not known",
		Do: "look at the URL, and whether the server runs"},
	{Code: ConnectionTimeout, When: "connecting failed: the server did not answer in time",
		Do: "look for a firewall, raise `connect_timeout`, or set `tls_first` for a server that begins with TLS"},
	{Code: BrokenSocket, When: "the connection was lost",
		Do: "nothing: it comes back by itself, unless reconnecting is off"},
	{Code: TLS, When: "the TLS handshake failed, or `tls_opts` cannot be used; the message says why",
		Do: "`cafile` names the authority, `servername` the name in the certificate"},
	{Code: SecureConnWanted, When: "one side demands TLS and the other does not offer it",
		Do: "use `tls://`, or set `secure`, where the server demands it; take `secure` or the certificates away where it has none"},
	{Code: Authorization, When: "the server refused the login, or there was none to give",
		Do: "look at `user`, `password`, `token`, `credentials`, `nkey`", Said: []string{"authorization violation", "authorization timeout"}, Client: []error{nats.ErrNkeysNotSupported}},
	{Code: AuthExpired, When: "the user's login has expired",
		Do: "get new credentials; files are read again at each attempt to connect", Said: []string{"user authentication expired"}},
	{Code: AuthRevoked, When: "the user's login was revoked",
		Do: "get new credentials", Said: []string{"user authentication revoked"}},
	{Code: AccountAuthExpired, When: "the account's JWT has expired",
		Do: "renew it at the server", Said: []string{"account authentication expired"}},
	{Code: StaleConnection, When: "one side has heard nothing from the other for too long",
		Do: "nothing: it reconnects; `ping_interval` and `max_outstanding_pings` set how long that is", Said: []string{"stale connection"}, Client: []error{nats.ErrStaleConnection}},
	{Code: Server, When: "the server told another error, in its own words",
		Do: "see the message"},
	{Code: ConsumerNotActive, When: "in the last_error of an ordered consumer or a watcher: the server had lost it, and it was started again. Thrown by `fetch`, and by `next` of a consumer that was ended by `stop` or `drain`: the consumer is not there any more, or nothing comes from it",
		Do: "in last_error nothing: it goes on where it was; elsewhere make the consumer anew"},
	{Code: ConsumerSequenceMismatch, When: "in an ordered consumer's last_error: a message was missing, and it was started again",
		Do: "nothing: it goes on where it was"},
	{Code: InvalidCoroutine, When: "given to bgerror: a coroutine was deleted while it waited in one of our methods",
		Do: "end the wait first: cancel, unsubscribe or disconnect"},
	{Code: Forked, When: "the process is a child of `fork` that has not called `exec`",
		Do: "load the package in the child alone, or use threads"},
	{Code: Internal, When: "a fault in this package; the log has the details",
		Do: "report it, with those lines of the log"},
}
