// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
	"strings"

	"golang.org/x/crypto/scrypt"
	"natstcl/kv/fault"
)

// plainKey returns the PEM text of a key in the clear. Where it is encrypted, by PKCS#8 (RFC 5958,
// "ENCRYPTED PRIVATE KEY") or in the older form of OpenSSL, which PKCS#1 keys have (RFC 1421,
// "Proc-Type: 4,ENCRYPTED"), the password opens it. file names the option and the file in messages.
func (t *TLSOptions) plainKey(text []byte, file string) ([]byte, error) {
	var block *pem.Block
	for rest := text; ; {
		block, rest = pem.Decode(rest)
		if block == nil {
			return text, nil // whoever reads it as a key says what is wrong with it
		}
		if block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY") {
			break
		}
	}
	open := openPKCS8
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY":
	//lint:ignore SA1019 This encryption is weak, and it is what people have.
	case x509.IsEncryptedPEMBlock(block):
		open = openPKCS1
	default:
		return text, nil
	}
	if t.Password == "" {
		return nil, fault.New(fault.TLS, file+" is encrypted: "+inTLS("password")+" opens it")
	}
	der, err := open(block, []byte(t.Password))
	if errors.Is(err, errPassword) && t.AskPassword != nil {
		var password string
		if password, err = t.AskPassword(); err != nil {
			return nil, err
		}
		der, err = open(block, []byte(password))
	}
	switch {
	case errors.Is(err, errPassword):
		return nil, fault.New(fault.TLS, "The "+fault.Option("password")+" does not open "+file)
	case err != nil:
		return nil, fault.New(fault.TLS, file+" cannot be decrypted: "+err.Error())
	}
	kind := block.Type
	if kind == "ENCRYPTED PRIVATE KEY" {
		kind = "PRIVATE KEY"
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), nil
}

// errPassword: what comes out is no key, so that it was another password.
var errPassword = errors.New("wrong password")

func openPKCS1(block *pem.Block, password []byte) ([]byte, error) {
	//lint:ignore SA1019 As in plainKey.
	der, err := x509.DecryptPEMBlock(block, password)
	if errors.Is(err, x509.IncorrectPasswordError) || err == nil && !isKey(der) {
		return nil, errPassword
	}
	return der, err
}

// isKey tells whether a key may begin so: it is one ASN.1 sequence and nothing behind it.
func isKey(der []byte) bool {
	var sequence asn1.RawValue
	rest, err := asn1.Unmarshal(der, &sequence)
	return err == nil && len(rest) == 0 && sequence.Tag == asn1.TagSequence && sequence.IsCompound
}

// The ASN.1 of an encrypted PKCS#8 key: RFC 5958, 3; RFC 8018, A.2, A.4; RFC 7914, 7.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2Parameters  struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	pbkdf2Parameters struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		Function   pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	scryptParameters struct {
		Salt      []byte
		N, R, P   int
		KeyLength int `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// keyCiphers are those that encrypt keys: all of them in CBC mode, with padding.
var keyCiphers = map[string]struct {
	keyLength int
	block     func(key []byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

// keyHashes are those of PBKDF2. None is SHA-1 (RFC 8018, A.2).
var keyHashes = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

func openPKCS8(block *pem.Block, password []byte) ([]byte, error) {
	var key encryptedKey
	var parameters pbes2Parameters
	if _, err := asn1.Unmarshal(block.Bytes, &key); err != nil {
		return nil, err
	}
	if !key.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, unsupported(key.Algorithm)
	}
	if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &parameters); err != nil {
		return nil, err
	}
	with, known := keyCiphers[parameters.Cipher.Algorithm.String()]
	if !known {
		return nil, unsupported(parameters.Cipher)
	}
	derived, err := deriveKey(parameters.Derivation, password, with.keyLength)
	if err != nil {
		return nil, err
	}
	mode, err := with.block(derived)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(parameters.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	size := mode.BlockSize()
	if len(iv) != size || len(key.Data) == 0 || len(key.Data)%size != 0 {
		return nil, errors.New("it is damaged")
	}
	plain := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(mode, iv).CryptBlocks(plain, key.Data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size {
		return nil, errPassword
	}
	if plain = plain[:len(plain)-padding]; !isKey(plain) {
		return nil, errPassword
	}
	return plain, nil
}

// deriveKey makes the cipher's key of a password.
func deriveKey(by pkix.AlgorithmIdentifier, password []byte, length int) ([]byte, error) {
	switch {
	case by.Algorithm.Equal(oidPBKDF2):
		var p pbkdf2Parameters
		if _, err := asn1.Unmarshal(by.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		function, known := keyHashes[p.Function.Algorithm.String()]
		if !known {
			return nil, unsupported(p.Function)
		}
		if p.Iterations < 1 || p.Iterations > mostIterations {
			return nil, errors.New("it asks for too many iterations")
		}
		return pbkdf2.Key(function, string(password), p.Salt, p.Iterations, length)
	case by.Algorithm.Equal(oidScrypt):
		var p scryptParameters
		if _, err := asn1.Unmarshal(by.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		if p.N > mostIterations || p.R > 64 || p.P > 64 || 128*p.N*p.R > mostScryptMemory {
			return nil, errors.New("it asks for too much memory")
		}
		return scrypt.Key(password, p.Salt, p.N, p.R, p.P, length)
	}
	return nil, unsupported(by)
}

// What a key may ask for at most, so that a broken one costs seconds and not hours.
const (
	mostIterations   = 10_000_000
	mostScryptMemory = 256 << 20
)

func unsupported(a pkix.AlgorithmIdentifier) error {
	return errors.New("its algorithm " + a.Algorithm.String() + " is not supported; AES and 3DES by PBES2 are")
}
