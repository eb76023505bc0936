// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"os"
	"path/filepath"
	"strings"
)

// unknown is the error of names and values that are none of TLSOptions', whether there is TLS or not: who has misspelt
// what was to protect the connection is told before there is one.
func (t *TLSOptions) unknown() *fault.Error {
	if len(t.Unknown) == 0 {
		return nil
	}
	return fault.New(fault.TLS, "Unsupported "+fault.Option("tls_opts")+": "+strings.Join(t.Unknown, ", "))
}

// config makes the TLS configuration for a server of this name, from files as they are now.
func (t *TLSOptions) config(host string, o Options) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.Require || t.AnyHost}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	var err error
	if c.RootCAs, err = t.authorities(o); err != nil {
		return nil, err
	}
	var unreadable error
	if c.RootCAs == nil && t.Require && t.SystemFile != "" {
		c.RootCAs, unreadable = readAuthorities("SSL_CERT_FILE", t.SystemFile, o)
	}
	switch {
	case unreadable != nil:
		// It is told where a certificate is to be judged: a server that has no TLS comes first.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(tls.ConnectionState) error { return unreadable }
	case t.Require && t.AnyHost:
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s.PeerCertificates, c.RootCAs) }
	}
	switch {
	case t.CertFile != "":
		pair, err := t.pair(o)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	case t.KeyFile != "":
		return nil, fault.New(fault.TLS, fault.Option("keyfile")+" "+t.KeyFile+" needs a "+fault.Option("certfile"))
	}
	return c, nil
}

// tlsState describes an encrypted connection.
func tlsState(s tls.ConnectionState, verified bool) dict.Dict {
	d := dict.Dict{
		{Key: "version", Value: tls.VersionName(s.Version)},
		{Key: "cipher", Value: tls.CipherSuiteName(s.CipherSuite)},
		{Key: "peer_subject", Value: ""},
		{Key: "not_after", Value: int64(0)},
		{Key: "verified", Value: verified},
	}
	if len(s.PeerCertificates) > 0 {
		d.Set("peer_subject", s.PeerCertificates[0].Subject.String())
		d.Set("not_after", s.PeerCertificates[0].NotAfter.UnixMilli())
	}
	return d
}

// TLSState tells how the connection is encrypted, or was until a reconnect began: version, cipher, peer_subject and
// not_after (ms since 1970) of the server's certificate, and whether that was verified. It is empty where
// the connection is not encrypted. ErrConnectionClosed: there is none.
func (c *Conn) TLSState() (dict.Dict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() || c.current == nil {
		return nil, c.noServerLocked()
	}
	return c.secured, nil
}

// authorities are the certificates of CAFile and CADir; nil where neither is given.
func (t *TLSOptions) authorities(o Options) (*x509.CertPool, error) {
	var pool *x509.CertPool
	var err error
	if t.CAFile != "" {
		if pool, err = readAuthorities(fault.Option("cafile"), t.CAFile, o); err != nil {
			return nil, err
		}
	}
	if t.CADir != "" {
		if pool == nil {
			pool = x509.NewCertPool()
		}
		if err := addDir(pool, t.CADir, o.FileName); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// readAuthorities reads those of one file. what names the file's origin in an error.
func readAuthorities(what, file string, o Options) (*x509.CertPool, error) {
	pem, err := o.readFile(file)
	if err != nil {
		return nil, fault.New(fault.TLS, "Cannot read "+what+" "+file+": "+err.Error())
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.TLS, "No certificate in "+what+" "+file)
	}
	return pool, nil
}

// pair is the client's certificate with its key.
func (t *TLSOptions) pair(o Options) (tls.Certificate, error) {
	option, keyFile := "keyfile", t.KeyFile
	if keyFile == "" {
		option, keyFile = "certfile", t.CertFile // both may be in one file
	}
	cert, err := o.readFile(t.CertFile)
	if err != nil {
		return tls.Certificate{}, fault.New(fault.TLS, "Cannot read "+fault.Option("certfile")+" "+t.CertFile+": "+err.Error())
	}
	key, err := o.readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fault.New(fault.TLS, "Cannot read "+fault.Option("keyfile")+" "+keyFile+": "+err.Error())
	}
	if key, err = t.plainKey(key, fault.Option(option)+" "+keyFile); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		err = fault.New(fault.TLS, "Invalid "+fault.Option("certfile")+" "+t.CertFile+" or "+fault.Option("keyfile")+" "+keyFile+": "+err.Error())
	}
	return pair, err
}

// verifyChain is what crypto/tls does to a server's certificate, but for the server's name.
func verifyChain(certificates []*x509.Certificate, roots *x509.CertPool) error {
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := certificates[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certificates, Err: err}
	}
	return nil
}

// addDir adds the certificates of a directory. Unlike OpenSSL it does not need them
// named by their hashes: every file that holds some counts.
func addDir(pool *x509.CertPool, dir string, fileName func(string) (string, error)) error {
	name := dir
	var err error
	if fileName != nil {
		name, err = fileName(dir)
	}
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(name)
	}
	if err != nil {
		return fault.New(fault.TLS, "Cannot read "+fault.Option("cadir")+" "+dir+": "+reason(err))
	}
	found := false
	system := Options{} // by the system, as the directory is
	for _, e := range entries {
		if pem, err := system.readFile(filepath.Join(name, e.Name())); err == nil && pool.AppendCertsFromPEM(pem) {
			found = true
		}
	}
	if !found {
		return fault.New(fault.TLS, "No certificate in "+fault.Option("cadir")+" "+dir)
	}
	return nil
}

// tlsFailure is the error of a handshake, or of an alert that came after it: with TLS
// 1.3 the server looks at the client's certificate only then.
func tlsFailure(address string, err error) *fault.Error {
	why := err.Error()
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		why = "certificate verify failed: " + verification.Err.Error()
	}
	if advice := tlsAdvice(err); advice != "" {
		why += " (" + advice + ")"
	}
	return fault.New(fault.TLS, "TLS handshake with server "+address+" failed: "+why)
}

// alertCertificateRequired is the alert of that name (RFC 8446, 6).
const alertCertificateRequired = 116

// tlsAdvice names the option that helps where a handshake has failed.
func tlsAdvice(err error) string {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var alert tls.AlertError
	switch {
	case errors.As(err, &name) && len(name.Certificate.DNSNames) == 0 && len(name.Certificate.IPAddresses) == 0:
		return "it is for no host; " + fault.Option("verifyhost") + " false in " + fault.Option("tls_opts") + " takes it all the same"
	case errors.As(err, &name):
		return inTLS("servername") + " says which host it is to be for; " + fault.Option("verifyhost") + " false takes any"
	case errors.As(err, &unknown):
		return fault.Option("cafile") + " or " + inTLS("cadir") + " names the authority"
	case errors.As(err, &alert) && alert == alertCertificateRequired:
		return fault.Option("certfile") + " and " + inTLS("keyfile") + " are the client's"
	}
	return ""
}

// inTLS is what a message calls one of TLSOptions.
func inTLS(name string) string { return fault.Option(name) + " in " + fault.Option("tls_opts") }
