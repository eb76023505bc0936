// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"natstcl/kv/fault"
)

// login is what a client shows of itself to one server, in one attempt.
type login struct {
	user, password string
	token          string
	jwt            string
	key            nkeys.KeyPair // signs the server's nonce; nil with a bearer JWT
}

// login finds what to show to a server. The first of these that is there counts: what the server's URL has;
// Credentials; JWT with NKey or NKeySeed, or one of them alone; User with Password; Token; User alone. The files are
// read for each attempt, so that a file that was replaced counts. Errors are ErrAuthorization, and their texts have
// nothing that is secret.
func (o *Options) login(s *server) (login, *fault.Error) {
	switch {
	case s.withPassword:
		return login{user: s.user, password: s.password}, nil
	case s.token != "":
		return login{token: s.token}, nil
	}
	jwt, seed, err := o.secrets()
	switch {
	case err != nil:
		return login{}, err
	case jwt.option != "" || seed.option != "":
		return signed(jwt, seed)
	case o.User != "" && (o.Password != "" || o.Token == ""):
		return login{user: o.User, password: o.Password}, nil
	}
	return login{token: o.Token}, nil
}

// secret is a text with the option that it came from, as error messages have it; there is none
// where option is empty. The text may be a whole file of credentials.
type secret struct{ option, text string }

// secrets are the JWT and the seed by the options, unread.
func (o *Options) secrets() (jwt, seed secret, err *fault.Error) {
	if o.Credentials != "" {
		file, err := o.secretFile("credentials", o.Credentials)
		return file, file, err
	}
	if o.JWT != "" {
		jwt = secret{fault.Option("jwt"), o.JWT}
	}
	if o.NKey != "" {
		seed = secret{fault.Option("nkey"), o.NKey}
	} else if o.NKeySeed != "" {
		seed, err = o.secretFile("nkey_seed", o.NKeySeed)
	}
	return jwt, seed, err
}

func (o *Options) secretFile(option, name string) (secret, *fault.Error) {
	option = fault.Option(option)
	data, err := o.readFile(name)
	if err != nil {
		if isSecret(name) {
			return secret{}, fault.New(fault.Authorization, option+" wants the name of a file, and was given what should be in it")
		}
		return secret{}, fault.New(fault.Authorization, "Cannot read "+option+" "+name+": "+err.Error())
	}
	return secret{option + " " + name, string(data)}, nil
}

// isSecret tells whether the name of a file is a secret in its place: the text of a file of
// credentials, or a seed. No message may repeat that.
func isSecret(name string) bool {
	if strings.Contains(name, "-----BEGIN") {
		return true
	}
	_, err := nkeys.FromSeed([]byte(strings.TrimSpace(name)))
	return err == nil
}

// signed is a login by JWT, by NKey, or both.
func signed(jwt, seed secret) (l login, err *fault.Error) {
	if jwt.option != "" {
		if l.jwt, err = jwt.jwt(); err != nil {
			return login{}, err
		}
	}
	if seed.option != "" {
		l.key, err = seed.key()
	}
	return l, err
}

func (s *secret) jwt() (string, *fault.Error) {
	jwt, _ := nkeys.ParseDecoratedJWT([]byte(s.text)) // never fails: undecorated it is all
	jwt = strings.TrimSpace(jwt)
	if strings.Count(jwt, ".") != 2 || strings.ContainsAny(jwt, " \t\r\n") {
		return "", fault.New(fault.Authorization, "No JWT in "+s.option)
	}
	return jwt, nil
}

func (s *secret) key() (nkeys.KeyPair, *fault.Error) {
	key, err := nkeys.ParseDecoratedUserNKey([]byte(strings.TrimSpace(s.text)))
	switch {
	case err == nil:
		return key, nil
	case err == nkeys.ErrNoSeedFound:
		return nil, fault.New(fault.Authorization, "No seed in "+s.option)
	}
	return nil, fault.New(fault.Authorization, "Invalid seed in "+s.option+": "+strings.TrimPrefix(err.Error(), "nkeys: "))
}

// none tells that there is nothing to show.
func (l *login) none() bool {
	return l.user == "" && l.password == "" && l.token == "" && l.jwt == "" && l.key == nil
}

// into hands it to nats.go.
func (l *login) into(o *nats.Options) error {
	o.User, o.Password, o.Token = l.user, l.password, l.token
	if l.jwt != "" {
		o.UserJWT = func() (string, error) { return l.jwt, nil }
	} else if l.key != nil {
		var err error
		if o.Nkey, err = l.key.PublicKey(); err != nil {
			return err
		}
	}
	o.SignatureCB = func(nonce []byte) ([]byte, error) {
		if l.key == nil {
			return nil, nil // a bearer JWT counts without
		}
		return l.key.Sign(nonce)
	}
	return nil
}
