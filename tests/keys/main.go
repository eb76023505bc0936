// SPDX-License-Identifier: Apache-2.0

// Keys makes NKeys and JWTs for the suites that need a server with an operator.
//
//	keys key user|account|operator                      its seed and its public key
//	keys operator [-expires s] seed name                the operator's own JWT
//	keys account [-expires s] [-revoke public] seed name public
//	                                                    an account's, signed with the operator's seed
//	keys user [-expires s] [-bearer] seed name public   a user's, signed with the account's seed
//	keys creds jwt seed                                 the text of a .creds file
//
// -expires counts seconds from now, and may be negative.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: keys key|operator|account|user|creds, and the flags of each")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	expires := flags.Int("expires", 0, "seconds from now")
	bearer := flags.Bool("bearer", false, "a JWT that counts without its key")
	revoke := flags.String("revoke", "", "public key of a user that counts no more")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch kind := args[0]; kind {
	case "key":
		return newKey(flags.Arg(0))
	case "creds":
		text, err := jwt.FormatUserConfig(flags.Arg(0), []byte(flags.Arg(1)))
		fmt.Print(string(text))
		return err
	case "operator", "account", "user":
		signer, err := nkeys.FromSeed([]byte(flags.Arg(0)))
		if err != nil {
			return err
		}
		var claims jwt.Claims
		switch kind {
		case "operator":
			public, err := signer.PublicKey()
			if err != nil {
				return err
			}
			claims = jwt.NewOperatorClaims(public)
		case "account":
			account := jwt.NewAccountClaims(flags.Arg(2))
			if *revoke != "" {
				account.Revoke(*revoke)
			}
			claims = account
		default:
			user := jwt.NewUserClaims(flags.Arg(2))
			user.BearerToken = *bearer
			claims = user
		}
		claims.Claims().Name = flags.Arg(1)
		if *expires != 0 {
			claims.Claims().Expires = time.Now().Unix() + int64(*expires)
		}
		text, err := claims.Encode(signer)
		fmt.Println(text)
		return err
	}
	return fmt.Errorf("unknown: %s", args[0])
}

func newKey(kind string) error {
	prefix, ok := map[string]nkeys.PrefixByte{
		"user": nkeys.PrefixByteUser, "account": nkeys.PrefixByteAccount, "operator": nkeys.PrefixByteOperator,
	}[kind]
	if !ok {
		return fmt.Errorf("unknown kind of key: %s", kind)
	}
	pair, err := nkeys.CreatePair(prefix)
	if err != nil {
		return err
	}
	seed, err := pair.Seed()
	if err != nil {
		return err
	}
	public, err := pair.PublicKey()
	fmt.Println(string(seed), public)
	return err
}
