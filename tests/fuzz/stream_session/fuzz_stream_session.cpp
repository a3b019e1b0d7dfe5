// Fuzz target: the plaintext of an RFC 9185 stream at either end, read in one piece and in pieces
// of any size; both must come to the same messages, counters and verdict. The first byte chooses
// the end, the second seeds the cuts.
#include <tuple>

#include "kmf-tunnel/dialogue.h"
#include "tests/support/fuzz_input.h"

namespace {

using namespace mdd;
using namespace mdd::tunnel;

// What an end makes of a stream.
struct Outcome {
    std::vector<std::tuple<std::size_t, AssociationId, std::vector<std::uint8_t>>> messages;
    std::string verdict;
    std::vector<std::uint8_t> answer;
    std::optional<std::uint8_t> version_named;
    std::uint64_t messages_in = 0;
    std::uint64_t skipped = 0;
    std::uint64_t refused = 0;
    bool is_open = false;

    bool operator==(const Outcome&) const = default;
};

// The size of the next piece: 1 to 32, from a small generator of its own.
class Cuts {
  public:
    explicit Cuts(std::uint8_t seed) : state_(seed * 2654435761u + 1) {}
    std::size_t next() {
        state_ = state_ * 1664525u + 1013904223u;
        return 1 + (state_ >> 27);
    }

  private:
    std::uint32_t state_;
};

void expect_sane(Role role, const Message& message) {
    test::must(message.conference.is_zero());
    const bool has_keys = std::holds_alternative<KeyInformation>(message.body);
    const bool has_profiles = std::holds_alternative<SupportedProfiles>(message.body);
    test::must(role == Role::mdd || !has_keys);
    test::must(role == Role::kmf || !has_profiles);
    if (has_profiles) test::must(!std::get<SupportedProfiles>(message.body).profiles.empty());
    const bool is_disconnect = std::holds_alternative<Disconnect>(message.body);
    test::must(message.dtls.empty() == (has_keys || is_disconnect));
}

template <class NextPiece>
Outcome read(Role role, srtp::Bytes stream, NextPiece next_piece) {
    SessionCounters counters;
    rfc9185::Dialogue dialogue(role, counters);
    Outcome outcome;
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size_bytes = std::min<std::size_t>(next_piece(), stream.size() - at);
        const test::ExactCopy piece(stream.data() + at, size_bytes);
        dialogue.take(piece.bytes());
        at += size_bytes;
        while (auto message = dialogue.next_message()) {
            expect_sane(role, *message);
            outcome.messages.emplace_back(message->body.index(), message->association,
                                          std::move(message->dtls));
        }
    }
    test::must(outcome.messages.empty() || dialogue.is_open());
    if (dialogue.verdict()) outcome.verdict = to_string(dialogue.verdict()->reason);
    outcome.answer.assign(dialogue.answer().begin(), dialogue.answer().end());
    outcome.version_named = dialogue.version_named();
    outcome.messages_in = counters.messages_in;
    outcome.skipped = counters.skipped;
    outcome.refused = counters.refused_total();
    outcome.is_open = dialogue.is_open();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    if (size_bytes < 2) return 0;
    const Role role = data[0] % 2 == 0 ? Role::mdd : Role::kmf;
    const srtp::Bytes stream(data + 2, size_bytes - 2);
    const Outcome whole = read(role, stream, [&] { return stream.size(); });
    Cuts cuts(data[1]);
    test::must(read(role, stream, [&] { return cuts.next(); }) == whole);
    test::must(read(role, stream, [] { return std::size_t{1}; }) == whole);
    test::must(whole.messages.size() == whole.messages_in);
    test::must(whole.answer.empty() || whole.verdict == "version_unsupported");
    return 0;
}
