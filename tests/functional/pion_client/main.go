// A DTLS-SRTP client on Pion that shakes hands, prints the exported SRTP keys in hex for its test, and ends.
//
// usage: pion_client MDD-ADDRESS:PORT OWN-ADDRESS:PORT CERT KEY KMF-FINGERPRINT
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/pion/dtls/v2"
)

const keysBytes = 2*16 + 2*12

func config(cert, key, fingerprint string) (*dtls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &dtls.Config{
		Certificates:           []tls.Certificate{certificate},
		ExtendedMasterSecret:   dtls.RequireExtendedMasterSecret,
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
		// Fingerprints instead of authorities, as DTLS-SRTP does (RFC 5763).
		InsecureSkipVerify: true,
		VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if len(chain) == 0 {
				return errors.New("the KMF shows no certificate")
			}
			if sum := sha256.Sum256(chain[0]); hex.EncodeToString(sum[:]) != fingerprint {
				return errors.New("the KMF shows another certificate")
			}
			return nil
		},
	}, nil
}

func keys(mdd, own, cert, key, fingerprint string) ([]byte, error) {
	settings, err := config(cert, key, fingerprint)
	if err != nil {
		return nil, err
	}
	local, err := net.ResolveUDPAddr("udp", own)
	if err != nil {
		return nil, err
	}
	remote, err := net.ResolveUDPAddr("udp", mdd)
	if err != nil {
		return nil, err
	}
	socket, err := net.DialUDP("udp", local, remote)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	association, err := dtls.ClientWithContext(limited, socket, settings)
	if err != nil {
		return nil, err
	}
	defer association.Close()
	if profile, ok := association.SelectedSRTPProtectionProfile(); !ok || profile != dtls.SRTP_AEAD_AES_128_GCM {
		return nil, errors.New("the KMF selected no or another SRTP profile")
	}
	state := association.ConnectionState()
	return state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, keysBytes)
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: pion_client MDD-ADDRESS:PORT OWN-ADDRESS:PORT CERT KEY KMF-FINGERPRINT")
		os.Exit(64)
	}
	exported, err := keys(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion_client:", err)
		os.Exit(1)
	}
	fmt.Println(hex.EncodeToString(exported))
}
