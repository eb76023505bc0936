// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	natsd "github.com/nats-io/nats-server/v2/server"
)

// settings are the server's own options: those of the config file, overridden by ours.
func (o *Options) settings() (*natsd.Options, error) {
	so := &natsd.Options{}
	if o.ConfigFile != "" {
		err := readable(o.ConfigFile)
		if err == nil {
			err = so.ProcessConfigFile(o.ConfigFile)
		}
		if err != nil {
			return nil, failure("Invalid config " + o.ConfigFile + ": " + err.Error())
		}
	}
	so.NoSigs = true // or the server would end the program at SIGINT and SIGTERM
	if err := o.listen(so); err != nil {
		return nil, err
	}
	if err := o.authenticate(so); err != nil {
		return nil, err
	}
	switch {
	case o.JetStream != nil:
		so.JetStream = *o.JetStream
	case o.ConfigFile == "" || o.StoreDir != "":
		so.JetStream = true
	}
	if o.StoreDir != "" {
		so.StoreDir = o.StoreDir
	}
	return so, nil
}

func (o *Options) listen(so *natsd.Options) error {
	if o.DontListen {
		if o.Host != "" || o.Port != 0 {
			return failure("A server that does not listen has neither a host nor a port")
		}
		so.DontListen = true
	}
	if o.Host != "" {
		so.Host = o.Host
	} else if so.Host == "" {
		so.Host = "127.0.0.1"
	}
	if o.Port < 0 || o.Port > 65535 {
		return failure("Invalid port " + strconv.Itoa(o.Port))
	}
	if o.Port != 0 {
		so.Port = o.Port
	} else if so.Port == 0 {
		so.Port = natsd.RANDOM_PORT
	}
	return nil
}

// authenticate says what clients must show. What is given here takes the place of all
// users of the file: the server would prefer those, and leave ours without effect. For
// the same reason a server without any authentication is never made of half of one.
func (o *Options) authenticate(so *natsd.Options) error {
	switch {
	case o.User == "" && o.Password == "" && o.Token == "":
		return nil
	case o.Token != "" && (o.User != "" || o.Password != ""):
		return failure("A token and a user are mutually exclusive")
	case o.User == "" && o.Token == "":
		return failure("A password needs a user")
	}
	so.Users, so.Nkeys = nil, nil
	so.Username, so.Password, so.Authorization = o.User, o.Password, o.Token
	return nil
}

// mostOfConfig is how long a config file may be, in bytes.
const mostOfConfig = 16 << 20

// readable refuses what the server would read without an end. A file that is not there is the server's to tell.
func readable(name string) error {
	state, err := os.Stat(name)
	switch {
	case err != nil:
		return nil
	case !state.Mode().IsRegular() && !state.IsDir():
		return errors.New("it is not a regular file")
	case state.Size() > mostOfConfig:
		return fmt.Errorf("it is longer than %d bytes", mostOfConfig)
	}
	return nil
}
