// Any handshake records, each with a length byte in front: a message comes out only when every byte
// of it was written, with what was written there last.
#include <map>
#include <optional>
#include <vector>

#include "tests/support/fuzz_input.h"
#include "tools/dtls_srtp/handshake_message.h"

using namespace mdd;

namespace {

// The last byte at each place of each message, by number and length. No bound, no forgetting.
using Written =
    std::map<std::pair<std::uint16_t, std::uint32_t>, std::vector<std::optional<std::uint8_t>>>;

void note(Written& written, const dtls::HandshakeFragment& fragment) {
    if (fragment.message_bytes > dtls::kMaxEktKeyBytes) return;
    auto& bytes = written[{fragment.message_seq, fragment.message_bytes}];
    bytes.resize(fragment.message_bytes);
    for (std::size_t i = 0; i < fragment.part.size(); ++i)
        bytes[fragment.offset + i] = fragment.part[i];
}

void check(const Written& written, const dtls::Reassembly::Message& message) {
    const auto size_bytes = static_cast<std::uint32_t>(message.body.size());
    test::must(size_bytes <= dtls::kMaxEktKeyBytes);
    test::must(!message.records.empty() &&
               message.records.size() <= dtls::Reassembly::kRecordsRemembered);
    const auto& bytes = written.at({message.message_seq, size_bytes});
    for (std::size_t i = 0; i < bytes.size(); ++i)
        test::must(bytes[i] && *bytes[i] == message.body.bytes()[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    auto rest = input.bytes();
    dtls::Reassembly reassembly(dtls::kMaxEktKeyBytes);
    Written written;
    for (std::uint64_t sequence = 0; !rest.empty(); ++sequence) {
        const auto record_bytes = std::min<std::size_t>(rest[0], rest.size() - 1);
        const test::ExactCopy record(rest.data() + 1, record_bytes);
        rest = rest.subspan(1 + record_bytes);
        dtls::FragmentWalk walk(record.bytes());
        std::size_t covered = 0;
        while (const auto fragment = walk.next()) {
            covered += dtls::kHandshakeHeaderBytes + fragment->part.size();
            test::must(fragment->offset + fragment->part.size() <= fragment->message_bytes);
            test::must(!fragment->is_whole() || fragment->offset == 0);
            note(written, *fragment);
            if (const auto message = reassembly.add(*fragment, {1, sequence}))
                check(written, *message);
        }
        test::must(walk.well_formed() == (covered == record_bytes));
        // An empty record: what came before it is settled.
        if (record_bytes == 0) reassembly.forget_through(static_cast<std::uint16_t>(sequence));
    }
    return 0;
}
