// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/object"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// objectStore is what a nats::object_store object stands on. What is put and read are its children.
type objectStore struct {
	bridge.Object
	store *object.Store
	j     *jetStream
}

// It holds nothing of its own.
func (*objectStore) Release(*bridge.Package) {}

var objectCommands = []bridge.Command{
	{Name: "create_object_store", Usage: "jet_stream bucket args", Run: bridge.On(objectStoreBy(object.Create, objectStoreFreshOptions))},
	{Name: "update_object_store", Usage: "jet_stream bucket args", Run: bridge.On(objectStoreBy(object.Update, objectStoreOptions))},
	{Name: "create_or_update_object_store", Usage: "jet_stream bucket args", Run: bridge.On(objectStoreBy(object.CreateOrUpdate, objectStoreFreshOptions))},
	{Name: "bind_object_store", Usage: "jet_stream bucket", Run: bridge.On(cmdBindObjectStore)},
	{Name: "delete_object_store", Usage: "jet_stream bucket", Run: bridge.On(cmdDeleteObjectStore)},
	{Name: "object_stores", Usage: "jet_stream", Run: bridge.On(cmdObjectStores)},
	{Name: "object_store_statuses", Usage: "jet_stream", Run: bridge.On(cmdObjectStoreStatuses)},

	{Name: "object_status", Usage: "store", Run: bridge.On(cmdObjectStatus)},
	{Name: "object_seal", Usage: "store", Run: bridge.On(cmdObjectSeal)},
	{Name: "object_info", Usage: "store name args", Run: bridge.On(cmdObjectInfo)},
	{Name: "object_list", Usage: "store args", Run: bridge.On(cmdObjectList)},
	{Name: "object_delete", Usage: "store name", Run: bridge.On(cmdObjectDelete)},
	{Name: "object_update_meta", Usage: "store name args", Run: bridge.On(cmdObjectUpdateMeta)},
	{Name: "object_link", Usage: "store name target args", Run: bridge.On(cmdObjectLink)},
	{Name: "object_link_bucket", Usage: "store name bucket", Run: bridge.On(cmdObjectLinkBucket)},
	{Name: "object_watch", Usage: "store args", Run: bridge.On(cmdObjectWatch)},
	{Name: "object_watch_consumer", Usage: "watcher", Run: bridge.On(cmdObjectWatchConsumer)},

	{Name: "object_put", Usage: "store name args", Run: bridge.On(cmdObjectPut)},
	{Name: "object_write", Usage: "writer data", Run: bridge.On(cmdObjectWrite)},
	{Name: "object_put_hold", Usage: "writer", Run: bridge.On(cmdObjectPutHold)},
	{Name: "object_put_end", Usage: "writer", Run: bridge.On(cmdObjectPutEnd)},

	{Name: "object_get", Usage: "store name args", Run: bridge.On(cmdObjectGet)},
	{Name: "object_next", Usage: "reader", Run: bridge.On(cmdObjectNext)},
	{Name: "object_read", Usage: "reader count", Run: bridge.On(cmdObjectRead)},
	{Name: "object_text", Usage: "reader", Run: bridge.On(cmdObjectText)},
	{Name: "object_poll", Usage: "reader count", Run: bridge.On(cmdObjectPoll)},
	{Name: "object_await", Usage: "reader", Run: bridge.On(cmdObjectAwait)},
	{Name: "object_there", Usage: "reader", Run: bridge.On(cmdObjectThere)},
	{Name: "object_notify", Usage: "reader prefix", Run: bridge.On(cmdObjectNotify)},
	{Name: "object_eof", Usage: "reader", Run: bridge.On(cmdObjectEOF)},
	{Name: "object_info_of", Usage: "reader", Run: bridge.On(cmdObjectInfoOf)},
	{Name: "object_get_hold", Usage: "reader", Run: bridge.On(cmdObjectGetHold)},
	{Name: "object_go", Usage: "transfer", Run: cmdObjectGo},
}

// objectStoreOptions are those of update_object_store, and with the defaults those of
// create_object_store.
var objectStoreOptions = option.Table{
	{Name: "description", Kind: option.Text, About: "a text for people"},
	{Name: "ttl", Kind: option.Duration, About: "how long objects stay, 100 at least; 0: for ever"},
	{Name: "max_bytes", Kind: option.Int, About: "how many bytes all objects with their infos may have; -1: no limit"},
	{Name: "num_replicas", Kind: option.Natural, About: "how many copies there are in a cluster"},
	{Name: "placement", Kind: nested, Empty: true, About: "the cluster, and the tags of servers, in which the copies are; empty: anywhere", Fields: placementFields},
	{Name: "compression", Kind: option.Enum, Allowed: []string{"none", "s2"}, About: "how files are compressed"},
	{Name: "metadata", Kind: pairs, About: "texts for programs"},
}

var placementFields = streamOptions.Row("placement").Fields

// objectStoreFreshOptions has what cannot be changed later, too.
var objectStoreFreshOptions = append(objectStoreOptions[:len(objectStoreOptions):len(objectStoreOptions)],
	option.Row{Name: "storage", Kind: option.Enum, Allowed: []string{"memory", "file"}, About: "where objects are kept: by default in files"})

func storeConfig(o option.Values) (c object.Config) {
	text := func(name string) *string {
		if !o.Has(name) {
			return nil
		}
		s := o.Text(name)
		return &s
	}
	number := func(name string) *int64 {
		if !o.Has(name) {
			return nil
		}
		n := o.Int(name)
		return &n
	}
	c.Description, c.Storage, c.Compression = text("description"), text("storage"), text("compression")
	c.MaxBytes, c.Replicas = number("max_bytes"), number("num_replicas")
	if o.Has("ttl") {
		ttl := time.Duration(o.Nanos("ttl"))
		c.TTL = &ttl
	}
	c.Placement, c.Metadata = dictOf(o, "placement"), dictOf(o, "metadata")
	return c
}

// newObjectStore is the finish of the operations that end in a store's handle.
func (j *jetStream) newObjectStore(p *bridge.Package) func(*object.Store) (any, error) {
	return func(s *object.Store) (any, error) { return p.Add(&objectStore{store: s, j: j}, j), nil }
}

// objectStoreBy makes a command of one of the core's ways to a store that take a configuration.
func objectStoreBy(way func(*js.JetStream, string, object.Config, func(*object.Store, error)) error, table option.Table) func(*bridge.Package, *jetStream, []bridge.Value) (any, error) {
	return func(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
		o, err := table.Parse(args[1:])
		if err != nil {
			return nil, err
		}
		return bridge.Begin(p, func(done func(*object.Store, error)) error {
			return way(j.js, args[0].Text(), storeConfig(o), done)
		}, j.newObjectStore(p))
	}
}

func cmdBindObjectStore(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(*object.Store, error)) error {
		return object.Bind(j.js, args[0].Text(), done)
	}, j.newObjectStore(p))
}

func cmdDeleteObjectStore(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error { return object.Delete(j.js, args[0].Text(), done) })
}

func cmdObjectStores(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]string, error)) error { return object.Names(j.js, done) }, bridge.Plain)
}

func cmdObjectStoreStatuses(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]dict.Dict, error)) error { return object.Statuses(j.js, done) },
		statusesInMillis)
}

func cmdObjectStatus(p *bridge.Package, s *objectStore, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, s.store.Status, func(status dict.Dict) (any, error) { return statusInMillis(status), nil })
}

// cmdObjectSeal refuses while a put is under way: it would fail, and its chunks could never be removed. To wait for it could
// take for ever, as the put may wait for the very script that seals.
func cmdObjectSeal(p *bridge.Package, s *objectStore, _ []bridge.Value) (any, error) {
	for child := range s.Children() {
		if w, ok := child.(*objectWriter); ok && !w.over {
			return nil, invalid("The object store has a put under way, of object " + w.name + ": seal it when that has ended")
		}
	}
	return bridge.BeginPlain(p, nil, s.store.Seal)
}

// objectDict is an info as Tcl has it (docs/object-store.md, Infos).
func objectDict(i *object.Info) dict.Dict {
	link := dict.Dict{}
	if i.Link != nil {
		link = dict.Dict{{Key: "bucket", Value: i.Link.Bucket}, {Key: "name", Value: i.Link.Name}}
	}
	deleted := 0
	if i.Deleted {
		deleted = 1
	}
	return dict.Dict{
		{Key: "bucket", Value: i.Bucket},
		{Key: "name", Value: i.Name},
		{Key: "description", Value: i.Description},
		{Key: "header", Value: i.Header},
		{Key: "metadata", Value: i.Metadata},
		{Key: "size", Value: i.Size},
		{Key: "chunks", Value: i.Chunks},
		{Key: "digest", Value: i.Digest},
		{Key: "nuid", Value: i.NUID},
		{Key: "mtime", Value: i.Modified.UnixMilli()},
		{Key: "deleted", Value: deleted},
		{Key: "link", Value: link},
		{Key: "chunk_size", Value: i.ChunkSize},
	}
}

func objectResult(i *object.Info) (any, error) { return objectDict(i), nil }

var (
	objectInfoOptions = option.Table{{Name: "deleted", Kind: option.Bool, Default: false, About: "returns the info of a deleted object, too"}}
	objectListOptions = option.Table{{Name: "deleted", Kind: option.Bool, Default: false, About: "returns the infos of deleted objects, too"}}
)

func cmdObjectInfo(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectInfoOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*object.Info, error)) error {
		return s.store.Info(args[0].Text(), o.Bool("deleted"), done)
	}, objectResult)
}

func cmdObjectList(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectListOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func([]*object.Info, error)) error {
		return s.store.List(o.Bool("deleted"), done)
	}, func(infos []*object.Info) (any, error) {
		if len(infos) == 0 {
			return nil, fault.New(fault.ObjectNotFound, "No objects found in bucket "+s.store.Name())
		}
		list := make([]any, len(infos))
		for n, i := range infos {
			list[n] = objectDict(i)
		}
		return list, nil
	})
}

func cmdObjectDelete(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, nil, func(done func(error)) error { return s.store.Delete(args[0].Text(), done) })
}

var objectMetaOptions = option.Table{
	{Name: "name", Kind: option.Nonempty, About: "the new name"},
	{Name: "description", Kind: option.Text, About: "a text for people"},
	{Name: "header", Kind: headers, About: "headers: keys with lists of values"},
	{Name: "metadata", Kind: pairs, About: "texts for programs"},
}

func cmdObjectUpdateMeta(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectMetaOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	var c object.MetaChange
	if o.Has("name") {
		name := o.Text("name")
		c.Name = &name
	}
	if o.Has("description") {
		description := o.Text("description")
		c.Description = &description
	}
	if given, ok := o.Get("header").(nats.Header); ok {
		header := headerDict(given)
		c.Header = &header
	}
	if o.Has("metadata") {
		metadata := dictOf(o, "metadata")
		c.Metadata = &metadata
	}
	return bridge.Begin(p, func(done func(*object.Info, error)) error {
		return s.store.UpdateMeta(args[0].Text(), c, done)
	}, objectResult)
}

var objectLinkOptions = option.Table{{Name: "bucket", Kind: option.Nonempty, About: "the store that the target is in; by default this one"}}

func cmdObjectLink(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectLinkOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*object.Info, error)) error {
		return s.store.AddLink(args[0].Text(), o.Text("bucket"), args[1].Text(), done)
	}, objectResult)
}

func cmdObjectLinkBucket(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(*object.Info, error)) error {
		return s.store.AddBucketLink(args[0].Text(), args[1].Text(), done)
	}, objectResult)
}
