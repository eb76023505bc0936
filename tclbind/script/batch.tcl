# SPDX-License-Identifier: Apache-2.0
# Atomic batches and counters: made by a jet_stream's methods batch and counter. See jetstream
# in docs/.

oo::define ::nats::jet_stream {
    # Returns a nats::batch.
    #
    # args - ?-ack_every n? ?-timeout ms?
    method batch {args} {
        return [::nats::core::adopt ::nats::batch [::nats::core::batch $handle {*}$args]]
    }

    # Publishes messages of nats::msg, all or none. Returns the acknowledgement.
    #
    # args - ?-timeout ms?
    method publish_batch {messages args} {
        return [::nats::core::do publish_batch $handle $messages {*}$args]
    }

    # Returns a nats::fast_publisher.
    #
    # args - ?-flow n? ?-outstanding n? ?-gap fail|ok? ?-timeout ms? ?-callback cmdPrefix?
    method fast_publisher {args} {
        return [::nats::core::adopt ::nats::fast_publisher [::nats::core::fast_publisher $handle {*}$args]]
    }

    # Returns a nats::counter of a stream with -allow_msg_counter and -allow_direct.
    method counter {stream} {
        return [::nats::core::adopt ::nats::counter [::nats::core::do counter $handle $stream]]
    }
}

# What takes messages one by one, and is committed behind the last.
oo::class create ::nats::core::gatherer {
    superclass ::nats::core::handled
    variable handle

    # The word that its commands of the core begin with.
    variable core

    constructor {word resource} {
        set core $word
        my Stand $resource
    }

    # Where it is full, that waits until there is room; the first one waits until the server has taken it.
    #
    # args - the options of publish that are about the message, and ?-header dict?
    method add {subject message args} {
        if {[info coroutine] eq ""} { ;# as do has it, without the call of a procedure for each message
            ::nats::core::now ${core}_add $handle $subject $message {*}$args
        } else {
            ::nats::core::do ${core}_add $handle $subject $message {*}$args
        }
        return
    }

    # args - the options of publish that are about the message
    method add_msg {msg args} {
        ::nats::core::do ${core}_add_msg $handle $msg {*}$args
        return
    }

    # Ends it. Returns the acknowledgement: stream, seq of the last message, batch, count.
    #
    # args - ?subject message ?option value ...?? of a last message
    method commit {args} {
        return [::nats::core::do ${core}_commit $handle {*}$args]
    }
}

# Messages that are stored all together, or not at all.
oo::class create ::nats::batch {
    superclass ::nats::core::gatherer
    variable handle

    constructor {resource} {
        next batch $resource
    }

    # As commit, with a last message of nats::msg.
    method commit_msg {msg args} {
        return [::nats::core::do batch_commit_msg $handle $msg {*}$args]
    }

    # Gives it up: nothing is stored.
    method discard {} {
        ::nats::core::batch_discard $handle
        return
    }

    # How many messages were added.
    method size {} {
        return [::nats::core::batch_size $handle]
    }

    # True when it was committed, discarded, or refused by the server.
    method closed {} {
        return [::nats::core::batch_closed $handle]
    }
}

# Publishes many messages in order, with one acknowledgement for many.
oo::class create ::nats::fast_publisher {
    superclass ::nats::core::gatherer
    variable handle

    constructor {resource} {
        next fast $resource
    }

    # How many messages were sent.
    method sent {} {
        return [::nats::core::fast_sent $handle]
    }

    # The last one of which an acknowledgement has told.
    method acked {} {
        return [::nats::core::fast_acked $handle]
    }
}

# Counters, one for each subject of a stream. Values are integers of any size.
oo::class create ::nats::counter {
    superclass ::nats::core::handled
    variable handle

    constructor {resource} {
        my Stand $resource
    }

    # Returns the new value. One that is not there begins at 0.
    method add {subject {n 1}} {
        return [::nats::core::do counter_add $handle $subject $n]
    }

    method value {subject} {
        return [::nats::core::do counter_value $handle $subject]
    }

    # Returns a dict: subject, value, incr (what was added last), sources.
    method get {subject} {
        return [::nats::core::do counter_get $handle $subject]
    }

    # Returns a list of those of all subjects that are there.
    #
    # subjects - a list; wildcards are fine
    method get_many {subjects} {
        return [::nats::core::do counter_get_many $handle $subjects]
    }
}
