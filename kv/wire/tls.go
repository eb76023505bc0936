package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// config makes the TLS configuration, from files as they are now.
func (t *TLSOptions) config(host string, o Options) (*tls.Config, error) {
	if len(t.Unknown) > 0 {
		return nil, Fail("ErrTLS", "Unsupported -tls_opts: "+strings.Join(t.Unknown, ", "))
	}
	readFile := o.ReadFile
	if readFile == nil {
		readFile = os.ReadFile
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.Require}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	what, authorities := "-cafile", t.CAFile
	if t.CAFile == "" && t.CADir == "" {
		what, authorities = "SSL_CERT_FILE", t.SystemFile
	}
	if authorities != "" || t.CADir != "" {
		c.RootCAs = x509.NewCertPool()
	}
	if authorities != "" {
		pem, err := readFile(authorities)
		if err != nil {
			return nil, Fail("ErrTLS", "Cannot read "+what+" "+authorities+": "+err.Error())
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, Fail("ErrTLS", "No certificate in "+what+" "+authorities)
		}
	}
	if t.CADir != "" {
		if err := addDir(c.RootCAs, t.CADir, o.FileName); err != nil {
			return nil, err
		}
	}
	switch {
	case t.CertFile != "":
		keyFile := t.KeyFile
		if keyFile == "" {
			keyFile = t.CertFile // both may be in one file
		}
		cert, err := readFile(t.CertFile)
		if err != nil {
			return nil, Fail("ErrTLS", "Cannot read -certfile "+t.CertFile+": "+err.Error())
		}
		key, err := readFile(keyFile)
		if err != nil {
			return nil, Fail("ErrTLS", "Cannot read -keyfile "+keyFile+": "+err.Error())
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, Fail("ErrTLS", "Invalid -certfile "+t.CertFile+" or -keyfile "+keyFile+": "+err.Error())
		}
		c.Certificates = []tls.Certificate{pair}
	case t.KeyFile != "":
		return nil, Fail("ErrTLS", "-keyfile "+t.KeyFile+" needs a -certfile")
	}
	return c, nil
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
		return Fail("ErrTLS", "Cannot read -cadir "+dir+": "+reason(err))
	}
	found := false
	for _, e := range entries {
		if pem, err := os.ReadFile(filepath.Join(name, e.Name())); err == nil && pool.AppendCertsFromPEM(pem) {
			found = true
		}
	}
	if !found {
		return Fail("ErrTLS", "No certificate in -cadir "+dir)
	}
	return nil
}

// tlsFailure is the error of a handshake, or of an alert that came after it: with TLS
// 1.3 the server looks at the client's certificate only then.
func tlsFailure(address string, err error) *Error {
	why := err.Error()
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		why = "certificate verify failed: " + verification.Err.Error()
	}
	return Fail("ErrTLS", "TLS handshake with server "+address+" failed: "+why)
}
