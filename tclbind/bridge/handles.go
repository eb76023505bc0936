// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"container/list"
	"iter"
	"maps"
	"slices"
)

// Resource is the Go side of a TclOO object. The interpreter's table has it under a number, its handle, by which the
// object's methods name it. A type becomes a Resource by embedding Object and by having a Release.
type Resource interface {
	// base returns the embedded Object.
	base() *Object
	// Release ends what the resource holds. It is called once, in the interpreter's
	// thread, after the resource's children were released.
	Release(p *Package)
}

// Object is the common part of every resource.
type Object struct {
	id        int64
	namespace string // the namespace of the TclOO object, "" until that exists
	parent    *Object
	children  list.List     // the resources that came from this one, the oldest first
	place     *list.Element // in the parent's children, so that a child leaves at once, however many there are
}

func (o *Object) base() *Object { return o }

// Only other packages embed Object, so within this one a checker would call the method base unused.
var _ interface{ base() *Object } = (*Object)(nil)

// ID returns the handle's number; 0 before Package.Add.
func (o *Object) ID() int64 { return o.id }

// Namespace returns the namespace of the TclOO object; "" before Bind.
func (o *Object) Namespace() string { return o.namespace }

// Bind notes the namespace of the TclOO object that the resource belongs to.
func (o *Object) Bind(namespace string) { o.namespace = namespace }

// Children returns the resources that came from this one, the oldest first.
func (o *Object) Children() iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		for child := o.children.Front(); child != nil; child = child.Next() {
			if !yield(child.Value.(Resource)) {
				return
			}
		}
	}
}

type handles struct {
	byID map[int64]Resource
	last int64
}

// Add puts a resource into the table, and returns its handle. parent may be nil. Where the parent was destroyed while the
// resource was in the making, the resource is released at once, and its handle is that of an object that was destroyed.
func (p *Package) Add(r Resource, parent Resource) int64 {
	o := r.base()
	p.handles.last++
	o.id = p.handles.last
	if parent != nil && !p.Alive(parent) {
		r.Release(p)
		return o.id
	}
	p.handles.byID[o.id] = r
	if parent != nil {
		o.parent = parent.base()
		o.place = o.parent.children.PushBack(r)
	}
	return o.id
}

// Alive returns true until the resource is dropped.
func (p *Package) Alive(r Resource) bool {
	_, ok := p.handles.byID[r.base().id]
	return ok
}

// Get finds the resource of a handle. The error is ErrClosed if the object was destroyed, which happens while one of
// its methods waits between two steps. If there never was such a handle, or it belongs to another type, it is
// ErrInternal.
func Get[T Resource](p *Package, v Value) (T, error) {
	var none T
	id, err := Integer(v)
	if err != nil {
		return none, err
	}
	held, ok := p.handles.byID[id]
	if !ok && 0 < id && id <= p.handles.last {
		return none, Destroyed()
	}
	r, ok := held.(T)
	if !ok {
		return none, fail(ErrInternal, "no such handle "+v.Text())
	}
	return r, nil
}

// NamespaceOf returns the namespace of a TclOO object, "" where there is none of that name.
func (p *Package) NamespaceOf(object string) string {
	words := p.Host.NewValue([]string{"::info", "object", "namespace"})
	defer words.Release()
	v, err := p.Host.Invoke(words, object)
	if err != nil {
		return ""
	}
	defer v.Release()
	return v.Text()
}

// Find returns the resource of type T whose TclOO object has this namespace; the zero value if there is none.
func Find[T Resource](p *Package, namespace string) (found T) {
	if namespace == "" {
		return found
	}
	for _, r := range p.handles.byID {
		if one, ok := r.(T); ok && r.base().namespace == namespace {
			return one
		}
	}
	return found
}

// On makes a command of a function that works on a resource. The command's first argument is the handle.
func On[T Resource](run func(p *Package, r T, args []Value) (any, error)) func(*Package, []Value) (any, error) {
	return func(p *Package, args []Value) (any, error) {
		r, err := Get[T](p, args[0])
		if err != nil {
			return nil, err
		}
		return run(p, r, args[1:])
	}
}

// Drop takes a resource out of the table and releases it, after its children, of which the youngest goes first.
func (p *Package) Drop(r Resource) {
	o := r.base()
	if p.handles.byID[o.id] != r {
		return
	}
	delete(p.handles.byID, o.id)
	for child := o.children.Back(); child != nil; child = o.children.Back() {
		p.Drop(child.Value.(Resource)) // which also takes it out of children
	}
	if o.parent != nil {
		o.parent.children.Remove(o.place)
	}
	r.Release(p)
}

// releaseAll drops all resources, the youngest first. So a connection ends before the server of this process that it
// is connected to, and that server still gets what was published.
func (p *Package) releaseAll() {
	ids := slices.Collect(maps.Keys(p.handles.byID))
	slices.Sort(ids)
	for _, id := range slices.Backward(ids) {
		// It may have gone with its parent.
		if r := p.handles.byID[id]; r != nil {
			p.Drop(r)
		}
	}
}

// cmdBind tells a resource the namespace of its TclOO object. A script that calls a class by itself, with the number of
// a handle that it has guessed, is refused: there would be two objects for one resource, and the end of one would
// end the other.
func cmdBind(_ *Package, r Resource, args []Value) (any, error) {
	o := r.base()
	if name := args[0].Text(); o.namespace != "" && o.namespace != name {
		return nil, fail(ErrInvalidArg, "the objects of this class are made by methods")
	}
	o.namespace = args[0].Text()
	return nil, nil
}

// cmdChildren returns the namespaces of the objects that came from this one,
// youngest first, for its destructor.
func cmdChildren(_ *Package, r Resource, _ []Value) (any, error) {
	o := r.base()
	out := []string{}
	for child := o.children.Back(); child != nil; child = child.Prev() {
		if ns := child.Value.(Resource).base().namespace; ns != "" {
			out = append(out, ns)
		}
	}
	return out, nil
}

func cmdRelease(p *Package, r Resource, _ []Value) (any, error) {
	p.Drop(r)
	return nil, nil
}

// Opener is a resource whose callbacks wait until the method that made it has returned.
type Opener interface {
	Resource
	// Opened is called when the method that made the object has returned.
	Opened(p *Package)
}

// cmdOpen lets the callbacks of a watcher or consumer begin.
func cmdOpen(p *Package, r Opener, _ []Value) (any, error) {
	r.Opened(p)
	return nil, nil
}

// Stats are counts of what is alive in an interpreter. Tests find leaks by them.
type Stats struct {
	Handles     int // resources
	Waits       int // operations that a script waits for
	Undelivered int // items in the mailbox
}

// Stats returns the counts of this interpreter.
func (p *Package) Stats() Stats {
	return Stats{Handles: len(p.handles.byID), Waits: len(p.waits.byID), Undelivered: p.mailbox.waiting()}
}

// Each calls f with every living resource of a kind.
func Each[T Resource](p *Package, f func(T)) {
	for _, id := range slices.Sorted(maps.Keys(p.handles.byID)) {
		if r, ok := p.handles.byID[id].(T); ok {
			f(r)
		}
	}
}

// Count returns how many resources of type T are alive.
func Count[T Resource](p *Package) int {
	n := 0
	for _, r := range p.handles.byID {
		if _, ok := r.(T); ok {
			n++
		}
	}
	return n
}
