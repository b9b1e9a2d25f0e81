package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"

	"zoom-attendance/sidecar/zoom"
)

// Hash names a visitor: 32 hex characters of HMAC-SHA256 over what is known of
// them.
func Hash(salt zoom.Secret, known string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(known))
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

// HashAddress names a visitor by their IP address, or by the /64 network of an
// IPv6 address, since one visitor has all of such a network to pick from.
func HashAddress(salt zoom.Secret, ip string) string {
	name := "unknown" // all who come without a readable address share one name
	if addr, err := netip.ParseAddr(ip); err == nil {
		name = network(addr.Unmap().WithZone(""))
	}
	return Hash(salt, name)
}

func network(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
