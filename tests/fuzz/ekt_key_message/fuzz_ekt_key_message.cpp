// Any bytes as an ekt_key body and as an ACK body: what is taken can be written back, and nothing
// is taken that does not add up.
#include <algorithm>

#include "tests/support/fuzz_input.h"
#include "tools/dtls_srtp/ekt_message.h"

using namespace mdd;

namespace {

void check_key(srtp::Bytes body) {
    const auto decoded = dtls::decode_ekt_key(body);
    if (const auto* fault = std::get_if<dtls::EktKeyFault>(&decoded)) {
        const auto alert = dtls::alert_for(*fault);
        test::must(alert == 50 || alert == 47);
        return;
    }
    const auto& message = std::get<dtls::EktKeyMessage>(decoded);
    test::must(message.key_bytes == 16 || message.key_bytes == 32);
    test::must(body.size() >= 21 + message.key_bytes && body.size() <= dtls::kMaxEktKeyBytes);
    test::must(message.ttl.count() >= 0 && message.ttl.count() <= 0xFFFFFF);
    const auto written = dtls::encode_ekt_key(message);
    // A longer salt is cut; without one the bytes are the same.
    test::must((written.size() == body.size()) == std::ranges::equal(written.bytes(), body));
    const auto again = dtls::decode_ekt_key(written.bytes());
    const auto* twin = std::get_if<dtls::EktKeyMessage>(&again);
    test::must(twin != nullptr && twin->spi == message.spi && twin->ttl == message.ttl);
    test::must(std::ranges::equal(twin->key_value(), message.key_value()));
    test::must(std::ranges::equal(twin->salt.bytes(), message.salt.bytes()));
}

void check_ack(srtp::Bytes body) {
    const auto numbers = dtls::decode_ack(body);
    if (!numbers) return;
    const auto list_bytes = body.size() - 2;
    const auto long_numbers = list_bytes % 16 == 0 ? list_bytes / 16 : 0;
    test::must(list_bytes % 8 == 0 && numbers->size() == list_bytes / 8 + long_numbers);
    if (long_numbers == 0) return;
    const auto written = dtls::encode_ack(std::span(*numbers).last(long_numbers));
    test::must(std::ranges::equal(written, body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    check_key(input.bytes());
    check_ack(input.bytes());
    return 0;
}
