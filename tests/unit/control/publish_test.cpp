// Who gets which command, and that only workers who need keys get them.
#include "controlplane/publish.h"

#include <gtest/gtest.h>

#include "controlplane/ssrc_book.h"
#include "tests/unit/control/keys_for_tests.h"
#include "tests/unit/control/postings_text.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using test::kBob;
using test::texts_of;
using Texts = std::vector<std::string>;

TEST(Publisher, TellsEveryWorkerOfAConference) {
    const Publisher publisher(Homes::on_one_node(3));
    const PayloadTypes audio{0b101};
    const auto change = publisher.conference(0, 4, audio);
    EXPECT_EQ(texts_of(change),
              (Texts{"w0 AddConference 4", "w1 AddConference 4", "w2 AddConference 4"}));
    for (const auto& posting : change.postings)
        EXPECT_EQ(std::get<AddConference>(posting.command.body).conference->audio, audio);
}

TEST(Publisher, GivesTheReceivingSideToTheOwnerAlone) {
    const Publisher publisher(Homes::on_one_node(3));
    const net::MacAddress mac{{2, 0, 0, 0, 0, 9}};
    const Place place{1,
                      0,
                      {{net::to_be(0x0a000002U), net::to_be(std::uint16_t{4000})},
                       {net::to_be(0x0a000001U), net::to_be(std::uint16_t{5004})}},
                      net::to_be(0x0a000002U)};
    const auto change = publisher.member(kBob, place, mac);
    EXPECT_EQ(texts_of(change), (Texts{"w0 AddMember 1 owner 1", "w1 AddMember 1 owner 1 receives",
                                       "w2 AddMember 1 owner 1"}));
    const auto& added = std::get<AddMember>(change.postings[1].command.body);
    const auto& member = *added.member;
    EXPECT_EQ(member.remote, place.flow.remote);
    EXPECT_EQ(member.local, place.flow.local);
    EXPECT_EQ(member.next_hop, place.next_hop);
    EXPECT_EQ(added.recipient.state, Recipient::State::unresolved);
    EXPECT_EQ(added.recipient.tx, nullptr);
    const auto expected = net::make_header_template(mac, {}, place.flow.local, place.flow.remote);
    EXPECT_EQ(added.recipient.header.bytes, expected.bytes);
}

TEST(Publisher, GivesInboundKeysToTheOwnerAndOutboundKeysToAll) {
    const Publisher publisher(Homes::on_one_node(2));
    const auto receive = test::keyset(1);
    const auto transmit = test::key_copies(2);
    EXPECT_EQ(texts_of(publisher.first_keys(kBob, 1, receive.get(), transmit.get(), 7)),
              (Texts{"w0 SetTransmitKeys 1 epoch 1 start 7", "w1 SetTransmitKeys 1 epoch 1 start 7",
                     "w1 InstallReceiveKeys 1 epoch 1"}));
    EXPECT_EQ(texts_of(publisher.receive_keys(kBob, 0, receive.get())),
              (Texts{"w0 InstallReceiveKeys 1 epoch 1"}));
}

TEST(Publisher, TellsAllWhoOwnsAnSsrcAndTheOwnerOfItsStream) {
    const Publisher publisher(Homes::on_one_node(2));
    SsrcBook book(2, 16);
    auto* stream = book.ask(1, 42, 7).stream;
    EXPECT_EQ(texts_of(publisher.grant(kBob, 1, stream, 7)),
              (Texts{"w0 SetSsrcOwner 42 1", "w1 SetSsrcOwner 42 1", "w1 GrantSsrc 1 42"}));
    EXPECT_EQ(texts_of(publisher.refuse(kBob, 1, 43, 7, srtp::Verdict::ssrc_owned)),
              (Texts{"w1 RefuseSsrc 1 43 ssrc_owned"}));
    EXPECT_EQ(texts_of(publisher.pause(1, stream, 0, true)), (Texts{"w1 PauseLeg 42 to 0 paused"}));
}

TEST(Publisher, EndsSendingEverywhereAndReceivingAtTheOwner) {
    const Publisher publisher(Homes::on_one_node(2));
    EXPECT_EQ(texts_of(publisher.leave(kBob, 0)),
              (Texts{"w0 SetTransmitKeys 1 none", "w1 SetTransmitKeys 1 none",
                     "w0 RetireReceiveKeys 1 all"}));
}

TEST(Publisher, TellsAllOfANeighbourAndLetsOneAsk) {
    const Publisher publisher(Homes::on_one_node(2));
    const auto ip = *net::parse_ipv4("192.0.2.7");
    EXPECT_EQ(texts_of(publisher.neighbour(0, ip, {{2, 0, 0, 0, 0, 1}})),
              (Texts{"w0 SetNeighbour 192.0.2.7 02:00:00:00:00:01",
                     "w1 SetNeighbour 192.0.2.7 02:00:00:00:00:01"}));
    EXPECT_EQ(texts_of(publisher.probe(0, ip)), (Texts{"w0 ProbeNeighbour 192.0.2.7"}));
}

TEST(Publisher, NeverGivesANumberTwice) {
    Publisher publisher(Homes::on_one_node(1));
    const auto first = publisher.next_key_start();
    const auto second = publisher.next_key_start();
    EXPECT_GT(first, 0U);
    EXPECT_GT(second, first);
}

}  // namespace
}  // namespace mdd::control
