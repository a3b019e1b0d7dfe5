// Runs every SRTP vector on the code path that is picked for this CPU, and prints its name; to be
// run natively, with either cipher, and under qemu-x86_64 with other CPU models. Exit codes: 0 all
// agree, 1 a vector differs, 3 this CPU has no AES.
#include <cstdio>
#include <set>

#include "dataplane/srtp/kdf.h"
#include "tests/support/hop_packets.h"
#include "tests/unit/srtp/cipher_to_test.h"
#include "tests/unit/srtp/vector_cases.h"

namespace mdd::test {
namespace {

bool kdf_agrees(const KdfCase& c) {
    ByteVector out(c.expected.size());
    srtp::derive(c.master_key, c.master_salt, c.label, out);
    return out == c.expected;
}

// Opening is enough: AES-GCM maps clear to wire one to one, and sealing is checked by the start-up
// self-test as well.
bool packet_opens(const PacketCase& c) {
    const srtp::AeadKey key(c.key, c.salt);
    auto forged = c.wire;
    forged[forged.size() - (c.is_rtcp ? 6 : 2)] ^= 0x40;
    if (c.is_rtcp) return open_rtcp(key, c.wire) == c.clear && !open_rtcp(key, forged);
    return open_rtp(key, c.wire, c.index) == c.clear && !open_rtp(key, forged, c.index);
}

bool packet_seals(const PacketCase& c) {
    const srtp::AeadKey key(c.key, c.salt);
    const auto index = static_cast<std::uint32_t>(c.index);
    return (c.is_rtcp ? seal_rtcp(key, c.clear, index) : seal_rtp(key, c.clear, c.index)) == c.wire;
}

// Long packets take loops that the short vectors never reach. Tags computed with OpenSSL 3.0: key
// of 0x31 bytes, nonce of ten 0x32 bytes and the size, AAD of 24 bytes 0x33, text byte i = 7 i.
struct LongCase {
    std::size_t key_bytes;
    std::size_t text_bytes;
    const char* tag;
};
constexpr LongCase kLongCases[] = {
    {16, 64, "909e0417503be71b8c1055238bbdc616"},   {16, 100, "56e3e63243aaa6f5161751c8ae7909f5"},
    {16, 127, "89ecc148f812a7c62022833fdfda5f0c"},  {16, 128, "6bd6f53a2a807fe155ebba747e9145bd"},
    {16, 129, "04bcb4964a99e50aee6632225ac75365"},  {16, 160, "c7246f11f877b4171a688e9f0669ada6"},
    {16, 255, "fabd0c9031a0e1f10d874104e24c79cc"},  {16, 256, "b7b29d15c626ac6f940337ac46e9d04b"},
    {16, 257, "d11e0a85136da4c18c87c8fb132a7c34"},  {16, 500, "61e0e738266615a939d9bac2a2cb6994"},
    {16, 1024, "d00ad770f1b8ed85c3e71514379e3297"}, {16, 1200, "518a1ef4cba148d7600a9819b59944d3"},
    {16, 1460, "069dc2670a52e8cd750774594f859a96"}, {16, 1500, "e9eecbdcd925d02338f46654648351e8"},
    {32, 64, "ac4d696c3817e74456074d0419ae1265"},   {32, 100, "5931b5bb427451a8eac828791118eb9d"},
    {32, 127, "3c68d3a462b55e0f7873b16c13e762ba"},  {32, 128, "97260db2bb335f0363523a8ec21a828f"},
    {32, 129, "2ea66adf89ee956cf73ed4ee7b372fa5"},  {32, 160, "33f515613138dca9410b7d118b9f7e8d"},
    {32, 255, "d7e1ab4a4b9184f779ea8ca28b7af55c"},  {32, 256, "e525dc0199efc65eb90397590f54bbb2"},
    {32, 257, "f37da7d09ea310a3792d89028df27338"},  {32, 500, "1b875a800bbf7c2d7252cf9fea0bb7d5"},
    {32, 1024, "d08af6dfb1a14046717587828f406883"}, {32, 1200, "48b8176dd84812be4842212e86df0752"},
    {32, 1460, "96e783e71955fc526d8f7f0dfe6f5e61"}, {32, 1500, "7616632d5054ca7f32304486d6e11ceb"},
};

bool long_packet_agrees(const LongCase& c) {
    const srtp::AeadKey key(ByteVector(c.key_bytes, 0x31), ByteVector(srtp::kNonceBytes));
    const ByteVector aad(24, 0x33);
    srtp::Nonce nonce;
    nonce.fill(0x32);
    srtp::store_be16(nonce.data() + 10, static_cast<std::uint16_t>(c.text_bytes));
    ByteVector text(c.text_bytes);
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::uint8_t>(7 * i);
    ByteVector buffer(text.size() + srtp::kTagBytes);
    srtp::seal(key, nonce, aad, text, buffer.data());
    if (to_hex(srtp::Bytes(buffer).last(srtp::kTagBytes)) != c.tag) return false;
    const bool opened = srtp::open(key, nonce, aad, buffer, buffer.data());
    buffer.resize(text.size());
    return opened && buffer == text;
}

int run() {
    if (srtp::aead_start(cipher_to_test()) == srtp::AeadStart::no_aes) {
        std::puts("this CPU has no AES-NI and PCLMULQDQ: refused");
        return 3;
    }
    int failures = 0;
    const auto expect = [&](bool ok, const std::string& name) {
        if (!ok) std::printf("differs: %s\n", name.c_str());
        failures += ok ? 0 : 1;
    };
    for (const auto& c : kdf_cases()) expect(kdf_agrees(c), c.name);
    // Two vectors share a nonce, which audit builds refuse to seal: each nonce is sealed once.
    std::set<std::pair<ByteVector, std::uint64_t>> sealed;
    for (const auto& c : packet_cases()) {
        expect(packet_opens(c), c.name + " opened");
        if (sealed.insert({c.key, c.index}).second) expect(packet_seals(c), c.name + " sealed");
    }
    for (const auto& c : kLongCases)
        expect(long_packet_agrees(c), "text of " + std::to_string(c.text_bytes) + " bytes");
    std::printf("code path %s, IPsec-MB %s, %d failures\n",
                std::string(srtp::aead_code_path()).c_str(),
                std::string(srtp::aead_library_version()).c_str(), failures);
    return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mdd::test

int main() {
    return mdd::test::run();
}
