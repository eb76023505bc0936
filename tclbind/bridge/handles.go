// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"container/list"
	"iter"
	"maps"
	"slices"
)

// Resource is what a TclOO object stands on. It lives in its interpreter's table under a
// number, the handle.
type Resource interface {
	// base gives the common part: a resource has Object embedded.
	base() *Object
	// Release ends what the resource holds. It is called once, in the interpreter's
	// thread, after the resource's children were released.
	Release(p *Package)
}

// Object is the common part of every resource.
type Object struct {
	id        int64
	namespace string // of its TclOO object, "" until that is there
	parent    *Object
	children  list.List     // of resources, in order of birth
	place     *list.Element // in the parent's list, so that a child leaves at once, however many there are
}

func (o *Object) base() *Object { return o }

// A resource has the method by embedding an Object, in packages that no check of this one sees.
var _ interface{ base() *Object } = (*Object)(nil)

// ID is the handle's number, 0 before Package.Add.
func (o *Object) ID() int64 { return o.id }

// Namespace is that of the TclOO object, "" until Bind has told it.
func (o *Object) Namespace() string { return o.namespace }

// Bind says which TclOO object, by its namespace, stands on the resource.
func (o *Object) Bind(namespace string) { o.namespace = namespace }

// Children are the resources that came from this one, in order of birth.
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

// Add gives r a handle. parent may be nil.
func (p *Package) Add(r Resource, parent Resource) int64 {
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

// Alive tells whether the resource still has its handle.
func (p *Package) Alive(r Resource) bool {
	_, ok := p.handles.byID[r.base().id]
	return ok
}

// Get finds the resource of a handle. It fails where the handle is none, or one of another type, and with
// ErrClosed where its object was destroyed, as in the middle of a method that waits between its steps.
func Get[T Resource](p *Package, v Value) (T, error) {
	var none T
	id, err := Integer(v)
	if err != nil {
		return none, err
	}
	held, ok := p.handles.byID[id]
	if !ok && 0 < id && id <= p.handles.last {
		return none, fail(ErrClosed, "The object was destroyed")
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

// Find returns the resource of a type that the object with this namespace stands on; the zero value where there is none.
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

// On makes a command of a function that works on a resource: the first argument is its
// handle.
func On[T Resource](run func(p *Package, r T, args []Value) (any, error)) func(*Package, []Value) (any, error) {
	return func(p *Package, args []Value) (any, error) {
		r, err := Get[T](p, args[0])
		if err != nil {
			return nil, err
		}
		return run(p, r, args[1:])
	}
}

// Drop releases r with all its children, youngest first.
func (p *Package) Drop(r Resource) {
	o := r.base()
	if p.handles.byID[o.id] != r {
		return
	}
	delete(p.handles.byID, o.id)
	for child := o.children.Back(); child != nil; child = o.children.Back() {
		p.Drop(child.Value.(Resource)) // takes it out
	}
	if o.parent != nil {
		o.parent.children.Remove(o.place)
	}
	r.Release(p)
}

// releaseAll ends everything, youngest first: a connection goes before the server in the
// process that it was made to, and what was published gets there.
func (p *Package) releaseAll() {
	ids := slices.Collect(maps.Keys(p.handles.byID))
	slices.Sort(ids)
	for _, id := range slices.Backward(ids) {
		// Some went with their parents, or their children have gone before.
		if r := p.handles.byID[id]; r != nil {
			p.Drop(r)
		}
	}
}

// cmdBind tells a resource the namespace of its TclOO object. It has one already where a
// script calls a class with a number of its own: that object must not come to be, or its
// end would be the other one's.
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

// Opener is a resource whose deliveries wait until it is opened.
type Opener interface {
	Resource
	// Opened is called when the method that made the object has returned.
	Opened(p *Package)
}

// cmdOpen lets the deliveries of a watcher or consumer come.
func cmdOpen(p *Package, r Opener, _ []Value) (any, error) {
	r.Opened(p)
	return nil, nil
}

// Stats counts what is alive in an interpreter, so that leaks can be seen.
type Stats struct {
	Handles     int // resources
	Waits       int // operations that a script waits for
	Undelivered int // items in the mailbox
}

// Stats counts.
func (p *Package) Stats() Stats {
	return Stats{Handles: len(p.handles.byID), Waits: len(p.waits.byID), Undelivered: p.mailbox.waiting()}
}

// Count tells how many resources of a type are alive.
func Count[T Resource](p *Package) int {
	n := 0
	for _, r := range p.handles.byID {
		if _, ok := r.(T); ok {
			n++
		}
	}
	return n
}
