// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"testing"

	"github.com/synadia-io/orbit.go/kvcodec"
	"natstcl/kv/codec"
)

var keys = []string{"a", "Acme Inc.contact", "ä.b c.€", "/etc/hosts", "etc/hosts/", "a.b.c", "/", "x..y", ""}

// Whatever orbit.go's codec makes of a key or value, ours makes the same, and reads it.
func TestWhatOrbitWritesIsReadAndTheOtherWayRound(t *testing.T) {
	orbit := map[string]interface {
		kvcodec.FilterableKeyCodec
		kvcodec.ValueCodec
	}{"base64": kvcodec.Base64Codec(), "path": kvcodec.PathCodec()}
	for name, theirs := range orbit {
		ours := codec.Named(name)
		for _, key := range keys {
			want, _ := theirs.EncodeKey(key)
			if got, err := ours.EncodeKey(key); got != want || err != nil {
				t.Errorf("%s of %q is %q, %v, orbit's is %q", name, key, got, err, want)
			}
			back, _ := theirs.DecodeKey(want)
			if got, err := ours.DecodeKey(want); got != back || err != nil {
				t.Errorf("%s: %q is read as %q, %v, by orbit as %q", name, want, got, err, back)
			}
			stored, _ := theirs.EncodeValue([]byte(key))
			if got, err := ours.DecodeValue(stored); string(got) != key || err != nil {
				t.Errorf("%s: the value %q is read as %q, %v", name, key, got, err)
			}
		}
		for _, pattern := range []string{">", "a.*.c", "a.>", "a/*"} {
			want, _ := theirs.EncodeFilter(pattern)
			if got, err := ours.EncodeFilter(pattern); got != want || err != nil {
				t.Errorf("%s of the pattern %q is %q, %v, orbit's is %q", name, pattern, got, err, want)
			}
		}
	}
}

func TestAChainEncodesForthAndDecodesBack(t *testing.T) {
	c := codec.Chain{codec.Path{}, codec.Base64{}}
	stored, err := c.EncodeKey("/etc/my hosts")
	if err != nil || stored != "X3Jvb3Rf.ZXRj.bXkgaG9zdHM" {
		t.Fatalf("got %q, %v", stored, err)
	}
	if key, err := c.DecodeKey(stored); key != "/etc/my hosts" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
	if pattern, err := c.EncodeFilter("etc/*"); pattern != "ZXRj.*" || err != nil {
		t.Errorf("got %q, %v", pattern, err)
	}
}

// A chain of orbit.go's and one of ours make the same of keys, patterns and values, and each reads what the other has made.
func TestAChainIsOrbits(t *testing.T) {
	keyChain, err := kvcodec.NewKeyChainCodec(kvcodec.PathCodec(), kvcodec.Base64Codec())
	if err != nil {
		t.Fatal(err)
	}
	valueChain, err := kvcodec.NewValueChainCodec(kvcodec.PathCodec(), kvcodec.Base64Codec())
	if err != nil {
		t.Fatal(err)
	}
	ours := codec.Chain{codec.Path{}, codec.Base64{}}
	for _, key := range keys {
		want, _ := keyChain.EncodeKey(key)
		stored, err := ours.EncodeKey(key)
		if stored != want || err != nil {
			t.Errorf("%q is %q, %v, orbit's is %q", key, stored, err, want)
		}
		back, _ := keyChain.DecodeKey(stored)
		if got, err := ours.DecodeKey(want); got != back || err != nil {
			t.Errorf("%q is read as %q, %v, by orbit as %q", want, got, err, back)
		}
		theirs, _ := valueChain.EncodeValue([]byte(key))
		mine, _ := ours.EncodeValue([]byte(key))
		read, err := ours.DecodeValue(theirs)
		if string(mine) != string(theirs) || string(read) != key || err != nil {
			t.Errorf("the value %q is %q, orbit's is %q, which is read as %q, %v", key, mine, theirs, read, err)
		}
	}
	for _, pattern := range []string{">", "etc/*", "/etc/>", "a.*.c"} {
		want, _ := keyChain.(kvcodec.FilterableKeyCodec).EncodeFilter(pattern)
		if got, err := ours.EncodeFilter(pattern); got != want || err != nil {
			t.Errorf("the pattern %q is %q, %v, orbit's is %q", pattern, got, err, want)
		}
	}
}

func TestWhatIsNoneOfTheCodecsMakingIsAnError(t *testing.T) {
	if key, err := (codec.Base64{}).DecodeKey("a.!"); err == nil {
		t.Errorf("got %q", key)
	}
	if value, err := (codec.Base64{}).DecodeValue([]byte("!")); err == nil {
		t.Errorf("got %q", value)
	}
	if c := codec.Named("rot13"); c != nil {
		t.Errorf("got %v", c)
	}
}
