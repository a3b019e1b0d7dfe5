// Any bytes as a DTLS datagram: records cover it without a gap or the walk says malformed, and the
// questions asked of a datagram agree with the walk.
#include "kmf-tunnel/record.h"

#include <array>
#include <vector>

#include "tests/support/fuzz_input.h"

using namespace mdd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    tunnel::RecordWalk walk(input.bytes());
    const auto* expected = input.bytes().data();
    bool epoch0_handshake = false, protected_handshake = false;
    std::size_t records = 0;
    while (const auto record = walk.next()) {
        test::must(record->whole.data() == expected);
        test::must(record->whole.size() == record->fragment.size() + tunnel::kRecordHeaderBytes);
        expected += record->whole.size();
        const bool handshake = record->type == tunnel::ContentType::handshake;
        epoch0_handshake |= handshake && record->epoch == 0;
        protected_handshake |= handshake && record->epoch != 0;
        ++records;
    }
    const bool covered = expected == input.bytes().data() + size_bytes;
    test::must(walk.well_formed() == covered);
    const bool well_formed = covered && records > 0;
    test::must(tunnel::is_well_formed(input.bytes()) == well_formed);
    test::must(tunnel::is_epoch0_handshake(input.bytes()) == (well_formed && epoch0_handshake));
    test::must(tunnel::has_protected_handshake(input.bytes()) ==
               (well_formed && protected_handshake));
    if (tunnel::is_client_hello_record(input.bytes())) test::must(well_formed && epoch0_handshake);
    const std::array datagrams{std::vector<std::uint8_t>(data, data + size_bytes)};
    if (tunnel::hold_whole_client_hello(datagrams)) test::must(epoch0_handshake);
    static_cast<void>(tunnel::client_hello_random(input.bytes()));
    return 0;
}
