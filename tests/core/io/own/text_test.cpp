#include <cmath>

#include "tests/core/io/own/files.h"

namespace erwin::test {
namespace {

using Numbers = std::vector<double>;

TEST(Text, DelimitersEndsOfLineAndBlanks) {
  const Numbers expected = {1, 2, 3, 4, 5, 6};
  for (const char* text : {"x,y,z\n1,2,3\n4,5,6\n", "x,y,z\r\n1,2,3\r\n4,5,6\r\n", "X , Y , Z\n 1 , 2 , 3 \n\n4,5,6",
                           "x\ty\tz\n1\t2\t3\n4\t5\t6\n", "x;y;z\n1;2;3\n4;5;6\n", "x y z\n1   2 3\n  4 5\t6  \n",
                           "\xEF\xBB\xBFx,y,z\n1,2,3\n4,5,6\n", "x,y,z,\n1,2,3,\n4,5,6,\n", "1 2 3\n4 5 6",
                           "1,2,3\n4,5,6\n", "# a comment\n# x y z\n1 2 3\n# in between\n4 5 6\n",
                           "//X Y Z\n2\n1 2 3\n4 5 6\n", "2\n1 2 3\n4 5 6\n", "\"x\",\"y\",\"z\"\n\"1\",2,3\n4,5,6\n",
                           "Points:0,Points:1,Points:2\n1,2,3\n4,5,6\n", "z,y,x\n3,2,1\n6,5,4\n"}) {
    SCOPED_TRACE(text);
    const auto cloud = open_bytes(text);
    EXPECT_EQ(positions_of(*cloud), expected);
    EXPECT_TRUE(cloud->fields().empty());
  }
}

TEST(Text, HowNumbersAreWritten) {
  const auto cloud = open_bytes(
      "x,y,z,a\n+1.5e1,-.5,1E-3,nan\n0,007,1e-400,NaN\n1,2,3,-inf\n1,2,3,1e999\n1,2,3,\n1,2,3,NA\n1,2,3,4\n");
  EXPECT_EQ(cloud->position(0)[0], 15);
  EXPECT_EQ(cloud->position(0)[1], -0.5);
  EXPECT_FLOAT_EQ(static_cast<float>(cloud->position(0)[2]), 0.001f);
  EXPECT_EQ(cloud->position(1)[1], 7);
  EXPECT_EQ(cloud->position(1)[2], 0);
  EXPECT_EQ(cloud->require_field("a").nonfinite_count(), 6);
  EXPECT_EQ(cloud->require_field("a").range()->maximum, 4);
}

TEST(Text, NamesUnitsAndKinds) {
  const auto cloud = open_bytes(
      "id,x [m],Y [m],z [m],p (Pa),type,name\n5,1,2,3,100,2,wall\n6,4,5,6,200,3,inlet\n7,4,5,7,200,3,wall\n");
  EXPECT_EQ(cloud->unit(), "m");
  EXPECT_EQ(cloud->require_field("p").unit(), "Pa");
  EXPECT_EQ(cloud->require_field("type").kind(), FieldKind::Label);
  EXPECT_EQ(cloud->require_field("name").kind(), FieldKind::Label);
  EXPECT_EQ(values_of(*cloud, "name"), (Numbers{0, 1, 0}));
  EXPECT_TRUE(any_remark(*cloud, "0 = wall, 1 = inlet"));
  EXPECT_EQ(values_of(*cloud, "id"), (Numbers{5, 6, 7}));
  EXPECT_EQ(cloud->row_id(2), 2);  // the row, not the column
}

TEST(Text, WithoutNames) {
  const auto cloud = open_bytes("1 2 3 10 20\n4 5 6 30 40\n");
  EXPECT_EQ(values_of(*cloud, "column_5"), (Numbers{20, 40}));
  const auto flat = open_bytes("1 2\n3 4\n");
  EXPECT_EQ(flat->dimension(), 2);
  EXPECT_EQ(positions_of(*flat), (Numbers{1, 2, 0, 3, 4, 0}));
  const auto words = open_bytes("O 1 2 3\nH 4 5 6\n");
  EXPECT_EQ(positions_of(*words), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(open_bytes("3\n1 2 3\n4 5 6\n")->size(), 2);
  EXPECT_TRUE(any_remark(*open_bytes("3\n1 2 3\n4 5 6\n"), "announces 3 points, the file holds 2"));
}

TEST(Text, OneNameTwice) {
  const auto cloud = open_bytes("x,y,z,a,a\n1,2,3,4,5\n");
  EXPECT_EQ(values_of(*cloud, "a"), Numbers{4});
  EXPECT_EQ(values_of(*cloud, "a_2"), Numbers{5});
  EXPECT_TRUE(any_remark(*cloud, "more than once"));
}

TEST(Text, WhatIsNoTableOfPointsIsRefused) {
  expect_refused("x,y,z\n1,2,3\n4,5\n", "line 3");
  expect_refused("x,y,z\n1,2,3\n\n4,5\n", "2 columns instead of 3");
  expect_refused("x,y,z\n1,2,3\n4,5,6,7\n", "line 3");
  expect_refused("x,y,z\n1,2,3\n4,5,six\n", "'six' is no number");
  expect_refused("x,y,z\n1,2,nan\n", "not finite");
  expect_refused("x,y,z\n", "no points");
  expect_refused("# nothing but a comment\n", "no positions");
  expect_refused("\n\n\n", "no points");
  expect_refused("a,b,c\n1,2,3\n", "names 'a', 'b', 'c'");
  expect_refused("5\n6\n7\n", "no");
  expect_refused("Dear reader, this is a letter.\nIt has no numbers.\n", "no positions");
  expect_refused("x,y,z\nleft,2,3\n", "no number");
  expect_refused("{\"x\": [1, 2]}", "JSON");
  expect_refused(
      "\xff\xfe"
      "1\0 \0",
      "UTF-16");
  expect_refused(std::string("\0\1\2\3 binary", 11), "not known");
}

TEST(Text, RowsWithoutAPositionCanBeDropped) {
  const auto cloud = open_bytes("x,y,z,p\n1,2,3,1\n,2,3,2\n4,5,6,3\n", dropping_nonfinite());
  EXPECT_EQ(cloud->size(), 2);
  EXPECT_EQ(cloud->row_id(1), 2);
  EXPECT_EQ(values_of(*cloud, "p"), (Numbers{1, 3}));
}

TEST(Xyz, PlainFramesWithFurtherColumns) {
  const auto cloud = open_bytes("2\n\nC 0 0 0 0.5\nCl 1 1 1 -0.5\n2\nsecond\r\nC 0 0 1 0.25\r\nCl 1 1 2 -0.25\n\n");
  EXPECT_EQ(cloud->frames(), 2);
  EXPECT_EQ(positions_of(*cloud, 1), (Numbers{0, 0, 1, 1, 1, 2}));
  EXPECT_EQ(values_of(*cloud, "species"), (Numbers{6, 17}));
  EXPECT_EQ(cloud->require_field("species").frames(), 1);
  EXPECT_EQ(values_of(*cloud, "column_5", 1), (Numbers{0.25, -0.25}));
}

TEST(Xyz, AtomicNumbersAndOtherNames) {
  EXPECT_EQ(values_of(*open_bytes("2\n\n6 0 0 0\n8 1 1 1\n"), "species"), (Numbers{6, 8}));
  const auto beads = open_bytes("2\n\nCA 0 0 0\nCB 1 1 1\n");
  EXPECT_EQ(values_of(*beads, "species"), (Numbers{0, 1}));
  EXPECT_TRUE(any_remark(*beads, "0 = CA, 1 = CB"));
}

TEST(Xyz, ExtendedProperties) {
  const auto cloud = open_bytes(
      "2\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3:forces:R:3:move:L:1:tag:I:1 energy=-1\n"
      "H 1 2 3 0.5 0 0 T 7\nO 4 5 6 0 0.5 0 F 8\n");
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values_of(*cloud, "forces"), (Numbers{0.5, 0, 0, 0, 0.5, 0}));
  EXPECT_EQ(cloud->require_field("forces").components(), 3);
  EXPECT_EQ(values_of(*cloud, "move"), (Numbers{1, 0}));
  EXPECT_EQ(values_of(*cloud, "tag"), (Numbers{7, 8}));
  const auto quoted = open_bytes("1\nproperties=\"pos:R:3:species:S:1\"\n1 2 3 H\n");
  EXPECT_EQ(positions_of(*quoted), (Numbers{1, 2, 3}));
}

TEST(Xyz, BrokenFramesAreRefused) {
  expect_refused("0\n\n", "0 atoms");
  expect_refused("2\n\nH 0 0 0\n", "cannot fit");
  expect_refused("1\n\nH 0 0\n", "too few columns");
  expect_refused("1\n\nH 0 0 zero\n", "'zero' is no number");
  expect_refused("1\n\nH 0 0 nan\n", "not finite");
  expect_refused("1\n\nH 0 0 0\n2\n\nH 0 0 0\nH 0 0 1\n", "different numbers of atoms");
  expect_refused("1\n\nH 0 0 0\nend\n", "line 4");
  expect_refused("1\nProperties=species:S:1\nH\n", "cannot fit");
  expect_refused("1\nProperties=species:S:1:velo:R:3\nH 0 0 0\n", "names no positions");
}

std::string dump(const std::string& columns, const std::string& atoms,
                 const std::string& box = "BOX BOUNDS pp pp pp\n0 10\n-5 5\n100 120\n", int count = 2) {
  return "ITEM: TIMESTEP\n7\nITEM: NUMBER OF ATOMS\n" + std::to_string(count) + "\nITEM: " + box + "ITEM: ATOMS " +
         columns + "\n" + atoms;
}

TEST(Lammps, PositionsInEverySpelling) {
  const Numbers expected = {5, 0, 110, 1, -4, 102};
  EXPECT_EQ(positions_of(*open_bytes(dump("id type x y z", "2 1 1 -4 102\n1 1 5 0 110\n"))), expected);
  EXPECT_EQ(positions_of(*open_bytes(dump("id xu yu zu", "2 1 -4 102\n1 5 0 110\n"))), expected);
  EXPECT_EQ(positions_of(*open_bytes(dump("id type xs ys zs", "2 1 0.1 0.1 0.1\n1 1 0.5 0.5 0.5\n"))),
            (Numbers{5, 0, 110, 1, -4, 102}));
  EXPECT_EQ(positions_of(*open_bytes(dump("id xsu ysu zsu", "1 1.5 0.5 0.5\n2 0.1 0.1 0.1\n"))),
            (Numbers{15, 0, 110, 1, -4, 102}));
  // x y z go before the others, which stay as fields.
  const auto both = open_bytes(dump("id xu yu zu x y z", "1 15 0 110 5 0 110\n2 1 -4 102 1 -4 102\n"));
  EXPECT_EQ(positions_of(*both), expected);
  EXPECT_EQ(values_of(*both, "xu"), (Numbers{15, 1}));
}

TEST(Lammps, ScaledPositionsInTiltedBoxes) {
  // lx = 10, ly = 10, lz = 20, xy = 2, xz = -3, yz = 1: the bounds widen by min/max(0, xy, xz, xy + xz) and min/max(0,
  // yz).
  const auto cloud = open_bytes(
      dump("id xs ys zs", "1 0.5 0.5 0.5\n2 0 1 0\n", "BOX BOUNDS xy xz yz pp pp pp\n-3 12 2\n-5 6 -3\n100 120 1\n"));
  // origin (0, -5, 100); a = (10, 0, 0), b = (2, 10, 0), c = (-3, 1, 20)
  EXPECT_EQ(positions_of(*cloud), (Numbers{0.5 * (10 + 2 - 3), -5 + 0.5 * (10 + 1), 110, 2, 5, 100}));
  const auto general = open_bytes(
      dump("id xs ys zs", "1 1 0 0\n2 0 1 1\n", "BOX BOUNDS abc origin pp pp pp\n1 2 3 10\n0 4 5 20\n0 0 6 30\n"));
  EXPECT_EQ(positions_of(*general), (Numbers{11, 22, 33, 10, 24, 41}));
}

TEST(Lammps, FramesElementsUnitsAndTime) {
  const std::string first =
      "ITEM: UNITS\nlj\nITEM: TIME\n0.5\n" + dump("id element x y z vx", "2 O 1 1 1 5\n1 H 0 0 0 6\n");
  const std::string second = dump("id element x y z vx", "1 H 0 0 2 7\n2 O 1 1 3 8\n");
  const auto cloud = open_bytes(first + second);
  EXPECT_EQ(cloud->frames(), 2);
  EXPECT_EQ(positions_of(*cloud, 1), (Numbers{0, 0, 2, 1, 1, 3}));
  EXPECT_EQ(values_of(*cloud, "element"), (Numbers{1, 8}));
  EXPECT_EQ(values_of(*cloud, "vx", 1), (Numbers{7, 8}));
  EXPECT_EQ(values_of(*cloud, "vx", 0), (Numbers{6, 5}));
  EXPECT_TRUE(any_remark(*cloud, "LAMMPS units: lj"));
}

TEST(Lammps, WithoutIdsTheOrderStays) {
  const auto cloud = open_bytes(dump("type x y z", "1 3 3 3\n2 1 1 1\n"));
  EXPECT_EQ(positions_of(*cloud), (Numbers{3, 3, 3, 1, 1, 1}));
  EXPECT_TRUE(any_remark(*cloud, "no id"));
}

TEST(Lammps, BrokenFramesAreRefused) {
  expect_refused(dump("id type", "1 1\n2 1\n"), "no positions");
  expect_refused(dump("", "1 1\n2 1\n"), "names no columns");
  expect_refused(dump("id x y z", "1 0 0 0\n1 1 1 1\n"), "the id 1");
  expect_refused(dump("id x y z", "1 0 0 0\n2 1 1\n"), "too few columns");
  expect_refused(dump("id x y z", "1 0 0 0\n2 1 1 1 1\n"), "too many columns");
  expect_refused(dump("id x y z", "1 0 0 here\n2 1 1 1\n"), "'here' is no number");
  expect_refused(dump("id x y z", "", "BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n", 0), "no atoms");
  expect_refused(dump("id x y z", "1 0 0 0\n2 1 1 1\n") + dump("id x y z", "1 0 0 0\n3 1 1 1\n"),
                 "other atoms than the first");
  expect_refused(
      dump("id x y z", "1 0 0 0\n2 1 1 1\n") + dump("id x y z", "1 0 0 0\n", "BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n", 1),
      "different numbers of atoms");
  expect_refused(dump("id x y z", "1 0 0 0\n2 1 1 1\n") + dump("id y x z", "1 0 0 0\n2 1 1 1\n"), "other columns");
}

}  // namespace
}  // namespace erwin::test
