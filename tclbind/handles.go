package tclbind

import (
	"container/list"
	"maps"
	"slices"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// resource is what a TclOO object stands on: a connection, a bucket, a watcher. It
// lives in its interpreter's table under a number, the handle.
type resource interface {
	// base gives the common part.
	base() *object
	// release ends what the resource holds. Called once, in the interpreter's
	// thread, after its children were released.
	release(p *Package)
}

// object is the common part of every resource.
type object struct {
	id        int64
	namespace string // of its TclOO object, "" until that is there
	parent    *object
	children  list.List     // of resources, in order of birth
	place     *list.Element // among the parent's: any of ten thousand may be the next to go
}

func (o *object) base() *object { return o }

type handles struct {
	byID map[int64]resource
	last int64
}

// add gives r a handle. parent may be nil.
func (p *Package) add(r resource, parent resource) int64 {
	o := r.base()
	p.handles.last++
	o.id = p.handles.last
	p.handles.byID[o.id] = r
	if parent != nil {
		o.parent = parent.base()
		o.place = o.parent.children.PushBack(r)
	}
	return o.id
}

// alive tells whether the resource still has its handle.
func (p *Package) alive(r resource) bool {
	_, ok := p.handles.byID[r.base().id]
	return ok
}

// get finds the resource of a handle.
func get[T resource](p *Package, v Value) (T, error) {
	var none T
	id, err := integer(v)
	if err != nil {
		return none, err
	}
	r, ok := p.handles.byID[id].(T)
	if !ok {
		return none, wire.Fail("ErrInternal", "no such handle "+v.Text())
	}
	return r, nil
}

// on makes a command of a function that works on a resource: the first argument is its
// handle.
func on[T resource](run func(p *Package, r T, args []Value) (any, error)) func(*Package, []Value) (any, error) {
	return func(p *Package, args []Value) (any, error) {
		r, err := get[T](p, args[0])
		if err != nil {
			return nil, err
		}
		return run(p, r, args[1:])
	}
}

// drop releases r with all its children, youngest first.
func (p *Package) drop(r resource) {
	o := r.base()
	if p.handles.byID[o.id] != r {
		return
	}
	delete(p.handles.byID, o.id)
	for child := o.children.Back(); child != nil; child = o.children.Back() {
		p.drop(child.Value.(resource)) // takes it out
	}
	if o.parent != nil {
		o.parent.children.Remove(o.place)
	}
	r.release(p)
}

// releaseAll ends everything, youngest first: a connection goes before the server in the
// process that it was made to, and what was published gets there.
func (p *Package) releaseAll() {
	ids := slices.Collect(maps.Keys(p.handles.byID))
	slices.Sort(ids)
	for _, id := range slices.Backward(ids) {
		// Some went with their parents, or their children have gone before.
		if r := p.handles.byID[id]; r != nil {
			p.drop(r)
		}
	}
}

// cmdBind tells a resource the namespace of its TclOO object. It has one already where a
// script calls a class with a number of its own: that object must not come to be, or its
// end would be the other one's.
func cmdBind(_ *Package, r resource, args []Value) (any, error) {
	o := r.base()
	if name := args[0].Text(); o.namespace != "" && o.namespace != name {
		return nil, invalid("the objects of this class are made by methods")
	}
	o.namespace = args[0].Text()
	return nil, nil
}

// cmdChildren returns the namespaces of the objects that came from this one,
// youngest first, for its destructor.
func cmdChildren(_ *Package, r resource, _ []Value) (any, error) {
	o := r.base()
	out := []string{}
	for child := o.children.Back(); child != nil; child = child.Prev() {
		if ns := child.Value.(resource).base().namespace; ns != "" {
			out = append(out, ns)
		}
	}
	return out, nil
}

func cmdRelease(p *Package, r resource, _ []Value) (any, error) {
	p.drop(r)
	return nil, nil
}

// opener is a resource whose deliveries wait until it is opened.
type opener interface {
	resource
	opened(p *Package)
}

// cmdOpen lets the deliveries of a watcher or consumer come.
func cmdOpen(p *Package, r opener, _ []Value) (any, error) {
	r.opened(p)
	return nil, nil
}

// stats counts what is alive in this interpreter, and in the process.
func (p *Package) stats(goroutines int) dict.Dict {
	connections := 0
	for _, r := range p.handles.byID {
		if _, ok := r.(*connection); ok {
			connections++
		}
	}
	return dict.Dict{
		{Key: "goroutines", Value: goroutines},
		{Key: "handles", Value: len(p.handles.byID)},
		{Key: "connections", Value: connections},
		{Key: "pending", Value: len(p.waits.byID)},
		{Key: "undelivered", Value: p.mailbox.waiting()},
	}
}
