// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
)

func TestWhatWasTamperedWithIsRefused(t *testing.T) {
	f := start(t, object.Config{})
	ctx := context.Background()
	data := noise(1_000_000)
	i := put(t, f.store, "a", data)
	subject := "$O.files.C." + i.NUID
	mismatch := func(what string) {
		t.Helper()
		if _, err := open(t, f.store, "a").rest(t); fault.CodeOf(err) != "ErrDigestMismatch" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := f.api.Publish(ctx, subject, []byte("one more")); err != nil {
		t.Fatal(err)
	}
	mismatch("a chunk too many")
	stream, err := f.api.Stream(ctx, "OBJ_files")
	if err != nil {
		t.Fatal(err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(ctx, last.Sequence); err != nil {
		t.Fatal(err)
	}
	if got := get(t, f.store, "a"); !bytes.Equal(got, data) {
		t.Error("it is not as it was")
	}
	if err := stream.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	mismatch("a chunk too few")
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		t.Fatal(err)
	}
	mismatch("no chunk")
}

func TestInfoThatIsNoneIsRefused(t *testing.T) {
	f := start(t, object.Config{})
	for _, text := range []string{
		`{`, `[]`, `{}`, `{"name":"a"}`, `{"name":"a","nuid":">"}`, `{"name":"a","nuid":"x.*"}`, `{"name":"","nuid":"x"}`,
		`{"name":"a","nuid":"x","size":-1}`, `{"name":"a","nuid":"x","headers":[]}`, `{"name":"a","nuid":"x","headers":{"k":1}}`,
	} {
		if _, err := f.api.Publish(context.Background(), "$O.files.M.YQ==", []byte(text)); err != nil {
			t.Fatal(err)
		}
		fails(t, "ErrProtocol", func(done func(*object.Info, error)) error { return f.store.Info("a", true, done) })
		fails(t, "ErrProtocol", natstest.Plain(func(done func(error)) error { return f.store.Delete("a", done) }))
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	f := start(t, object.Config{})
	for _, name := range []string{"", string(noise(2049))} {
		err := f.store.Info(name, true, func(*object.Info, error) { t.Error("done is called") })
		if fault.CodeOf(err) != "ErrInvalidArg" {
			t.Errorf("got %v", err)
		}
	}
	long := string(bytes.Repeat([]byte("ä"), 1024))
	put(t, f.store, long, []byte("x"))
	if got := get(t, f.store, long); string(got) != "x" {
		t.Errorf("got %q", got)
	}
}
