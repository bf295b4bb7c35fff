"""SHA-256 of every task file, uncompressed, by task and name."""

from __future__ import annotations

from collections.abc import Mapping

CHECKSUMS: Mapping[str, Mapping[str, str]] = {
    "half_cheetah": {
        "trace_0000.npy": ("c043e141c6dd99e9b41ac7a9d4bc741b0991cff6a769954517e9c204ce3c7ccc"),
        "trace_0001.npy": ("f231fe66284b535c745f9f44a595aac2f740b988171d3db3201597e821c6c5d3"),
        "trace_0002.npy": ("7ff8a0c8974247187717417f6a163023b739c3a22a374894becff1723ce67f68"),
        "trace_0003.npy": ("28109a8f9eae1ec0246aca4f5bfa10ebf21e9f86e62e448b9f8b66f345091680"),
        "trace_0004.npy": ("b478f21d00868db66d6aef8a14ed69f6214120870cc1491dec85a3f74aeb46eb"),
        "trace_0005.npy": ("45e6288f3d5ba610b98aea300c117b032c6585144eb55e7f7fb67178d71eb4d6"),
        "trace_0006.npy": ("ab93f0d3b9e0c5f1a7886a089e76d5ff99f955ad0671f23d98351d05fecf4913"),
        "trace_0007.npy": ("e29bc1ffee113f760b3efd33831dea0485626e2deddc1ee7a81baf30344aeaaa"),
        "trace_0008.npy": ("c7028a2301720e65a31f608d362c03f811aca977ebb0f3ee0d6985bc4f6f1c2c"),
        "trace_0009.npy": ("937afdd66e3c6487a48b1d04c2f2120ba24be563296f5bfaa8bef741083c7b7c"),
        "trace_0010.npy": ("625dbb7c7f8451816799b3dcd47d20ace4a82019e52d467e7a985422551be890"),
        "trace_0011.npy": ("d230f2c43a84462fda2f5af28480f7a2b7945f032731587fca896229dc3b02dc"),
        "trace_0012.npy": ("feef3754c2c547fdd7cfd697323eea81b212c854bfd3029f04048e277b9399c1"),
        "trace_0013.npy": ("53e9e0d128f9e21def2ee015bc41c40184b22df5928d05f5a978687d3696c76d"),
        "trace_0014.npy": ("f022f778ad332f8c6986709ca27dd18823130bb3a7f71f646c8a5ccdc483acda"),
        "trace_0015.npy": ("bcb9e34a17317e31f22ef71d82aa180c282ab08b81a21bfcfefb827dabbd8ee8"),
        "trace_0016.npy": ("7d22f86d205728c7c106d43c97cfc4038621700bc88bf4081855e1c01b2c9229"),
        "trace_0017.npy": ("403d52608b364089a4c8d48cc89758eacdb89b572ef6ca0c0829a4cf40fb063c"),
        "trace_0018.npy": ("6d8322ec8351fb68ec11e4173ed23c4c247c23faa4e66be6cfa3dbeec0717e5a"),
        "trace_0019.npy": ("7354afb2041a1af8117f0c2dca36f57cd489d6bb77f939bc81d134409836b358"),
        "trace_0020.npy": ("9d22d9138c0fd51eaa8271e484ce0a5b3c3f8ef592f5c91cf55933af4091e4d2"),
        "trace_0021.npy": ("363b31828ed262556cb987dc7ad470c8c039e6ca492a92e9139d4ab5422924d1"),
        "trace_0022.npy": ("27f624129fdeca0c4fa40499cb48ba5321d2bfd9b4effd0de189124de9fb7a5f"),
        "trace_0023.npy": ("680f5675eed8d8cc62ca9fcba2fe0f23a2acbad51019b7bb0d3954dc6e607e9b"),
        "trace_0024.npy": ("ae98a98829f61ec23260818743e7f659601641c459a4a797a8df86e235ec4b85"),
        "trace_0025.npy": ("a2488d0aaf847990f1a90f302803891b51dc5ba40e28e94f044ca11e428292ae"),
        "trace_0026.npy": ("bc9acb935a821810ecef4050b6d1e9e7bdb992601b70393492efa9c471e26c0c"),
        "trace_0027.npy": ("573e85ef1bda7c22583f362de712e62a33e8f9be319bf1bf4d754d822edfe701"),
        "trace_0028.npy": ("a20bdc1de0904a0522128db016d592f2ef95559ae9b6623e1496cb590bd552e0"),
        "trace_0029.npy": ("49f13631038f37b52e1fd929ecf430d02a6f140a32b43bec764855db41780c78"),
        "trace_0030.npy": ("f5b868f5886f5014fc2f4060fcce9694c0e30b03fc9e402ae6da3805da9d6a65"),
    },
    "walker2d": {
        "walker2d_400_rollouts_f32.npz": (
            "0f87a2c592afae084f1fbc4cc11d5d3cb97da359781d38ec002e1f0e19db136c"
        ),
    },
    "gesture": {
        "a1_va3.csv": ("df3fcdd481cf746e10e380c02f28d4554d7d67e53eda5bfd8b861dcb2037300c"),
        "a2_va3.csv": ("3f921cab6fc8395b26ec772874583fe4eb211e15f856b6bfb45627cf4620fa48"),
        "a3_va3.csv": ("0ef1ae696b179eccfdfc85cdaf6abcf83ff95209060e94185d0b9dfbbed765d3"),
        "b1_va3.csv": ("fc530377ccf5da9fb8d82df04806d853afe988cc3dfead00608696a4a321875b"),
        "b3_va3.csv": ("011a99aa42d984a9ad5f31e191fd6b9f6c4e72ae75c63e804c5e8905b896d115"),
        "c1_va3.csv": ("4f4fe22b7839f696ee0fa8cd50aa6ae8082224db6ddb0767c5d405aa3d98ea42"),
        "c3_va3.csv": ("032dd63b2a5ca1a0b21bfa3feae06cc09bb9f9cf2d4254c621f87cfff3186c42"),
    },
    "occupancy": {
        "datatest.txt": ("1b92c7c1b2838963464fa891a610cf3c5db4becb7189189b29b330107a584c7f"),
        "datatest2.txt": ("d026d1bd5aeccd4aff4f3b3710d48e40613bd5fc370db7e61bbdcaa50d985095"),
        "datatraining.txt": ("b2c4d0ce2b9e4e453c476f7125ef31aeec2d1f5c7f5572d0e80de3df6521ab56"),
    },
    "traffic": {
        "Metro_Interstate_Traffic_Volume.csv": (
            "0411ba6c43127a29cefa4d8f39708b9d77979d9dcf895f2d212506fe947b673c"
        ),
    },
    "power": {
        "household_power_consumption_first26days.txt": (
            "693cc627291e570818002094c0f2b9eefec00b484aba7c726403a9f673f06702"
        ),
    },
    "ozone": {
        "eighthr.data": ("9a24c3e5c43570148869fec02edcd44dd1cb06e97c2bbc0b6ab24ebdd21de37e"),
    },
    "sunspots": {
        "monthly-sunspots.csv": (
            "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3"
        ),
    },
    "mnist": {
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
    "physionet2012": {
        "Outcomes-a-first1500.txt": (
            "bcb6767de6c57db624f3de175812136b12366785be9b8b2f547b8a1a39301b37"
        ),
        "set-a-first1500.tar": ("bc4203ae7cd9afbcd7e0c6fa08775f34857df6bdb96695683e39faa0cabe9cc9"),
    },
    "xor_irregular": {},  # made here
}
