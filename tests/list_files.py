"""Writes small lists in the official formats, and folders of empty files."""

UCF = {
    "classInd__txt": "1 Clap\n2 HandstandPushups\n",
    "trainlist01__txt": (
        "Clap/v_Clap_g02_c01.avi 1\nHandstandPushups/v_HandStandPushups_g02_c01.avi 2\n"
    ),
    "testlist01__txt": "Clap/v_Clap_g01_c01.avi\n",
}
UCF_VIDEOS = [
    "Clap/v_Clap_g02_c01.avi",
    "HandstandPushups/v_HandStandPushups_g02_c01.avi",
    "Clap/v_Clap_g01_c01.avi",
]

TAIL = "u_cm_np1_fr_med_0.avi"
HMDB = {
    "clap_test_split1__txt": f"Film_1_clap_{TAIL} 1 \nX_clap_{TAIL} 0 \n",
    "wave_test_split1__txt": f"Film_1_wave_{TAIL} 1 \nY_wave_{TAIL} 2 \n",
}


def write(folder, **files):
    """Writes text files. "__" in a name stands for "."."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text.encode())
    return folder


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder.mkdir(exist_ok=True)
    return folder
