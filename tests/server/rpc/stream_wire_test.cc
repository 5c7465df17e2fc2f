#include "server/rpc/stream_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "mdn/v1/mdn.pb.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

grpc::ByteBuffer Buffer(const std::vector<std::string>& pieces) {
  std::vector<grpc::Slice> slices(pieces.begin(), pieces.end());
  return {slices.data(), slices.size()};
}

std::vector<std::string> Elements(StreamRequestReader& reader) {
  std::vector<std::string> elements;
  while (!reader.AtEnd()) elements.emplace_back(reader.Take());
  return elements;
}

TEST(StreamRequestReaderTest, GivesTheElementsInOrder) {
  v1::StreamRequest message;
  message.add_requests()->set_id(1);
  message.add_requests();
  message.add_requests()->set_timeout_ms(300);
  StreamRequestReader reader(Buffer({message.SerializeAsString()}));
  EXPECT_THAT(Elements(reader), ElementsAre("\x08\x01", "", "\x28\xAC\x02"));
  EXPECT_FALSE(reader.malformed());
}

TEST(StreamRequestReaderTest, ReadsOnAfterItHasMoved) {
  StreamRequestReader first(Buffer({std::string("\x0A\x01z\x0A\x01y")}));
  EXPECT_EQ(first.Take(), "z");
  StreamRequestReader second;
  second = std::move(first);
  EXPECT_THAT(Elements(second), ElementsAre("y"));
}

TEST(StreamRequestReaderTest, TakesAMessageInPieces) {
  StreamRequestReader reader(Buffer({"\x0A", "\x03xy", "z"}));
  EXPECT_THAT(Elements(reader), ElementsAre("xyz"));
}

TEST(StreamRequestReaderTest, PassesOverFieldsThatItDoesNotKnow) {
  StreamRequestReader reader(Buffer({std::string("\x10\x05\x0A\x01z\x1A\x02pq", 9)}));
  EXPECT_THAT(Elements(reader), ElementsAre("z"));
  EXPECT_FALSE(reader.malformed());
}

TEST(StreamRequestReaderTest, EndsWhereItCannotReadOn) {
  for (const char* bad : {"\x0A\x01z\x0A\x05y", "\x0A\x01z\x0A\xFF\xFF\xFF\xFF\x7F",
                          "\x0A\x01z\x0F", "\x0A\x01z\x0A\xFF"}) {
    StreamRequestReader reader(Buffer({bad}));
    EXPECT_THAT(Elements(reader), ElementsAre("z"));
    EXPECT_TRUE(reader.malformed());
  }
}

TEST(StreamRequestReaderTest, GivesNothingAfterTheRestWasDropped) {
  StreamRequestReader reader(Buffer({"\x0A\x01z\x0A\x01y"}));
  const absl::string_view taken = reader.Take();
  reader.DropRest();
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(taken, "z");
}

v1::StreamResponse Parsed(StreamResponseWriter& writer) {
  const grpc::ByteBuffer buffer = writer.Take();
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  v1::StreamResponse message;
  EXPECT_TRUE(message.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
  return message;
}

TEST(StreamResponseWriterTest, WritesSmallAndLargeResponsesInOrder) {
  StreamResponseWriter writer;
  EXPECT_TRUE(writer.empty());
  v1::StreamResponse expected;
  for (const size_t size : {3, 100'000, 0, 5000}) {
    v1::StreamedResponse& response = *expected.add_responses();
    response.set_id(size);
    response.mutable_predict()->mutable_mu()->set_raw(std::string(size, 'x'));
    response.set_more(size > 1000);
    writer.Add(size, v1::StreamedResponse::kPredictFieldNumber,
               grpc::Slice(response.predict().SerializeAsString()), response.more());
  }
  EXPECT_EQ(writer.bytes(), expected.ByteSizeLong());
  EXPECT_EQ(Parsed(writer).SerializeAsString(), expected.SerializeAsString());
}

TEST(StreamResponseWriterTest, HoldsNothingOfAMessageThatWasTaken) {
  static bool freed = false;
  std::string memory(100'000, 'x');
  StreamResponseWriter writer;
  writer.Add(1, v1::StreamedResponse::kPredictFieldNumber,
             grpc::Slice(memory.data(), memory.size(), [](void*) { freed = true; }), false);
  grpc::ByteBuffer message = writer.Take();
  EXPECT_FALSE(freed);
  message.Clear();
  EXPECT_TRUE(freed);
}

}  // namespace
}  // namespace mdn
