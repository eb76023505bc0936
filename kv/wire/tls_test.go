// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

// certificates makes an authority, and a server's and a client's certificate.
func certificates(t *testing.T) (dir string, server tls.Certificate, authority *x509.CertPool) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", "CERTIFICATE", caDER)
	for i, name := range []string{"server", "client"} {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: name},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &k.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		kder, _ := x509.MarshalECPrivateKey(k)
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "EC PRIVATE KEY", kder)
	}
	server, err = tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	authority = x509.NewCertPool()
	data, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	authority.AppendCertsFromPEM(data)
	return dir, server, authority
}

func TestTLS(t *testing.T) {
	dir, cert, authority := certificates(t)
	withTLS := func(verify bool) *natsd.Server {
		return natstest.StartServer(t, func(o *natsd.Options) {
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: authority}
			o.TLS, o.TLSTimeout = true, 5
			if verify {
				o.TLSConfig.ClientAuth, o.TLSVerify = tls.RequireAndVerifyClientCert, true
			}
		})
	}
	one, both := withTLS(false), withTLS(true)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name   string
		server *natsd.Server
		tls    TLSOptions
		code   string
		text   string // a part of it
	}{
		{"verified", one, TLSOptions{Require: true, CAFile: in("ca.pem")}, "", ""},
		{"by a directory", one, TLSOptions{Require: true, CADir: dir}, "", ""},
		{"unverified", one, TLSOptions{Require: false}, "", ""},
		{"both sides", both, TLSOptions{Require: true, CAFile: in("ca.pem"), CertFile: in("client.pem"), KeyFile: in("client.key")}, "", ""},
		{"unknown authority", one, TLSOptions{Require: true}, "ErrTLS", "failed: certificate verify failed: x509: "},
		{"wrong name", one, TLSOptions{Require: true, CAFile: in("ca.pem"), ServerName: "elsewhere"}, "ErrTLS", "certificate verify failed: x509: certificate is valid for localhost, not elsewhere"},
		{"no client certificate", both, TLSOptions{Require: true, CAFile: in("ca.pem")}, "ErrTLS", "certificate required"},
		{"no file", one, TLSOptions{Require: true, CAFile: in("none.pem")}, "ErrTLS", "Cannot read cafile " + in("none.pem")},
		{"no certificate in the file", one, TLSOptions{Require: true, CAFile: in("client.key")}, "ErrTLS", "No certificate in cafile"},
		{"key without certificate", one, TLSOptions{Require: true, KeyFile: in("client.key")}, "ErrTLS", "needs a certfile"},
		{"a name that is not known", one, TLSOptions{Require: true, Unknown: []string{"cipher"}}, "ErrTLS", "cipher"},
	} {
		o := DefaultOptions()
		o.TLS = c.tls
		err := connectError(t, o, fmt.Sprintf("127.0.0.1:%d", natstest.Port(c.server)))
		if fault.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %s %v, want %s %s", c.name, fault.CodeOf(err), err, c.code, c.text)
		}
	}
}
