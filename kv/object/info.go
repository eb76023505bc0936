// SPDX-License-Identifier: Apache-2.0

package object

import (
	"encoding/base64"
	"strconv"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Meta is what the one who puts an object says of it.
type Meta struct {
	Name        string // any text but the empty one, of 2,048 bytes at most
	Description string
	Header      dict.Dict // of []string
	Metadata    dict.Dict // of texts
}

// Link is where a link leads: to an object, or without a name to a store.
type Link struct{ Bucket, Name string }

// Info is what a store knows of an object.
type Info struct {
	Meta
	Bucket    string
	NUID      string // what its chunks are called; another one for each put
	Size      uint64 // bytes
	Chunks    uint64
	ChunkSize uint64 // bytes of each chunk but the last; 0: not told
	Digest    string // "SHA-256=" and base64url of it, padded; empty for links and deleted ones
	Modified  time.Time
	Deleted   bool
	Link      *Link // nil: it is none

	// What tells one renaming from another: the one that gave it its name, or that was begun. Its chunks may then have another
	// name, too. "": they have this one alone.
	renaming string
	revision uint64    // of the message that it stands in, 0: none
	told     dict.Dict // as it was read; fields of it that are not known here are kept
}

// place is the revision of an info, 0 for none.
func (i *Info) place() uint64 {
	if i == nil {
		return 0
	}
	return i.revision
}

// longestName is so short that a subject with it fits into a line of the protocol, which has 4,096 bytes
// unless a server says otherwise.
const longestName = 2048

func checkObject(name string) error {
	if name == "" {
		return invalid("The name of an object is empty")
	}
	if len(name) > longestName {
		return invalid("The name of an object has " + strconv.Itoa(len(name)) + " bytes, more than " + strconv.Itoa(longestName))
	}
	return nil
}

func errNotFound(s *Store, name string) error {
	return fault.New(fault.ObjectNotFound, "Object "+name+" not found in bucket "+s.name)
}

func (s *Store) infoSubject(name string) string {
	return subjectPrefix + s.name + infoPart + base64.URLEncoding.EncodeToString([]byte(name))
}

func (s *Store) chunkSubject(nuid string) string { return subjectPrefix + s.name + chunkPart + nuid }

// zeroTime stands in every info: the message's own time is the one that counts.
const zeroTime = "0001-01-01T00:00:00Z"

// json is the info as it is stored, in the order of Go's client.
func (i *Info) json() []byte {
	d := i.told.Without() // a copy
	optional := func(key string, value any, there bool) {
		if there {
			d.Set(key, value)
		} else {
			d = d.Without(key)
		}
	}
	d.Set("name", i.Name)
	optional("description", i.Description, i.Description != "")
	optional("headers", i.Header, len(i.Header) > 0)
	optional("metadata", i.Metadata, len(i.Metadata) > 0)
	options := i.options()
	optional("options", options, len(options) > 0)
	d.Set("bucket", i.Bucket)
	d.Set("nuid", i.NUID)
	d.Set("size", i.Size)
	d.Set("mtime", zeroTime)
	d.Set("chunks", i.Chunks)
	optional("digest", i.Digest, i.Digest != "")
	optional("deleted", true, i.Deleted)
	optional("renaming", i.renaming, i.renaming != "") // other clients pass over it
	return d.JSON()
}

func (i *Info) options() dict.Dict {
	known, _ := i.told.Path("options").(dict.Dict)
	options := known.Without("link")
	if i.Link != nil {
		link := dict.Dict{{Key: "bucket", Value: i.Link.Bucket}}
		if i.Link.Name != "" {
			link.Set("name", i.Link.Name)
		}
		options.Set("link", link)
	}
	if i.ChunkSize > 0 {
		options.Set("max_chunk_size", i.ChunkSize)
	}
	return options
}

// readInfo reads a stored info. What is in it may be anybody's: its NUID becomes a part of
// subjects that are purged, so it has to be a token.
func (s *Store) readInfo(m *js.Message) (*Info, error) {
	bad := func(why string) (*Info, error) {
		return nil, fault.New(fault.Protocol, "Invalid info of an object in bucket "+s.name+": "+why)
	}
	v, err := dict.Parse(m.Data)
	if err != nil {
		return bad(err.Error())
	}
	d, ok := v.(dict.Dict)
	if !ok {
		return bad("it is no JSON object")
	}
	i := &Info{Bucket: d.Text("bucket"), NUID: d.Text("nuid"), Digest: d.Text("digest"), Modified: m.Time, renaming: d.Text("renaming"), revision: m.Seq, told: d}
	i.Name, i.Description = d.Text("name"), d.Text("description")
	i.Deleted = d.Path("deleted") == true
	i.Metadata, _ = d.Path("metadata").(dict.Dict)
	if i.Header, ok = headerOf(d.Path("headers")); !ok {
		return bad("headers is no dict of lists")
	}
	for _, field := range []struct {
		value any
		to    *uint64
		name  string
	}{
		{d.Path("size"), &i.Size, "size"},
		{d.Path("chunks"), &i.Chunks, "chunks"},
		{d.Path("options", "max_chunk_size"), &i.ChunkSize, "max_chunk_size"},
	} {
		n, isNumber := field.value.(dict.Number)
		if isNumber {
			*field.to, err = strconv.ParseUint(string(n), 10, 64)
		}
		if err != nil || !isNumber && field.value != nil {
			return bad(field.name + " is no count")
		}
	}
	if link, ok := d.Path("options", "link").(dict.Dict); ok {
		i.Link = &Link{link.Text("bucket"), link.Text("name")}
	}
	switch {
	case i.Name == "":
		return bad("it has no name")
	case !wire.ValidQueue(i.NUID):
		return bad("it has no nuid")
	}
	return i, nil
}

func headerOf(v any) (dict.Dict, bool) {
	given, ok := v.(dict.Dict)
	if !ok {
		return nil, v == nil
	}
	header := dict.Dict{}
	for _, f := range given {
		values, ok := f.Value.([]any)
		if !ok {
			return nil, false
		}
		list := make([]string, len(values))
		for n, value := range values {
			if list[n], ok = value.(string); !ok {
				return nil, false
			}
		}
		header.Set(f.Key, list)
	}
	return header, true
}

// Info returns what is known of an object. ErrObjectNotFound: there is none of that name, or, unless
// deleted is given, it was deleted.
func (s *Store) Info(name string, deleted bool, done func(*Info, error)) error {
	return s.info(name, false, func(i *Info, err error) {
		if err == nil && (i == nil || i.Deleted && !deleted) {
			err = errNotFound(s, name)
		}
		if err != nil {
			i = nil
		}
		done(i, err)
	})
}

// info reads the info of a name, nil where there is none, from the leader or from any replica.
func (s *Store) info(name string, leader bool, done func(*Info, error)) error {
	if err := checkObject(name); err != nil {
		return err
	}
	direct := s.direct
	if leader {
		direct = nil
	}
	return s.js.Read(s.stream, js.Which{LastBySubject: s.infoSubject(name)}, direct, func(m *js.Message, err error) {
		switch {
		case fault.CodeOf(err) == fault.MsgNotFound:
			done(nil, nil)
		case fault.CodeOf(err) == fault.StreamNotFound:
			done(nil, errBucketNotFound(s.name))
		case err != nil:
			done(nil, err)
		default:
			done(s.readInfo(m))
		}
	})
}
