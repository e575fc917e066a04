"""What the core says, in Korean: of errors, and of what descriptors compare."""

ERRORS = {
    "ImageDecodeError": "읽을 수 있는 이미지가 아니거나 파일이 손상되었습니다. JPEG, PNG, WebP 등 다른 이미지로 다시 시도하세요.",
    "ImageTooLargeError": "이미지가 너무 큽니다. 더 작은 이미지로 다시 시도하세요.",
    "BackboneError": "이 컬렉션의 모델 파일이 손상되었거나 실행할 수 없습니다. 컬렉션의 이미지로는 검색할 수 있습니다.",
    "BackboneUnavailableError": "새 이미지를 분석할 모델이 서버에 없습니다. TensorFlow가 설치된 컴퓨터에서 python -m imgsearch update NAME을 "
    "실행한 뒤, 그곳에서 pack한 컬렉션을 이 서버에서 pull하세요. 컬렉션의 이미지로는 지금도 검색할 수 있습니다.",
    "WeightsError": "모델의 가중치 파일이 맞지 않거나 손상되었습니다. 컬렉션의 이미지로는 검색할 수 있습니다.",
    "CollectionNotFoundError": "컬렉션을 찾을 수 없습니다.",
    "CollectionCorruptError": "컬렉션의 파일이 없거나 손상되었습니다. 컬렉션을 다시 복사하거나 다시 만드세요.",
    "OutdatedCollectionError": "이전 버전의 컬렉션입니다. 컬렉션을 다시 만들면 사용할 수 있습니다.",
    "IncompatibleCollectionError": "이 버전에서는 사용할 수 없는 컬렉션입니다. 컬렉션을 다시 만드세요.",
    "BuildError": "이 파일들로는 컬렉션을 만들 수 없습니다. 읽을 수 있는 이미지나 온전한 zip 파일인지, 개수와 크기가 한도 안인지 확인하세요.",
    "BuildBusyError": "지금은 컬렉션을 만들 수 없습니다. 잠시 후 다시 시도하세요.",
    "ItemNotFoundError": "요청한 이미지나 라벨이 이 컬렉션에 없습니다.",
    "WorkerBusyError": "지금은 다른 이미지를 분석하고 있습니다. 잠시 후 다시 시도하세요.",
    "WorkerLimitError": "짧은 시간에 너무 많은 이미지를 분석했습니다. 잠시 후 다시 시도하세요.",
    "WorkerTimeoutError": "이미지 분석이 너무 오래 걸려 중단했습니다. 다시 시도하거나 더 작은 이미지를 사용하세요.",
    "WorkerError": "이미지 분석 프로그램이 중단되었습니다. 다시 시도하거나 다른 이미지를 사용하세요.",
}
"""Name of an error's class -> what is said of it; a class without an entry takes its parent's, or the English message."""

MATCHES = {
    r"row (\d+), column (\d+) of (\d+)": r"\3칸 중 \1행 \2열",
    r"column (\d+) of (\d+)": r"\2칸 중 \1열",
    r"row (\d+) of (\d+)": r"\2칸 중 \1행",
    "whole picture": "이미지 전체",
    "upper left": "왼쪽 위",
    "upper right": "오른쪽 위",
    "lower left": "왼쪽 아래",
    "lower right": "오른쪽 아래",
    "center": "가운데",
    "no edges": "윤곽 없음",
    "edges": "윤곽",
    "non-directional": "방향 없는",
    "vertical": "세로",
    "horizontal": "가로",
    "light ": "밝은 ",
    "dark ": "어두운 ",
    "white": "흰색",
    "grey": "회색",
    "black": "검은색",
    "red": "빨간색",
    "orange": "주황색",
    "yellow": "노란색",
    "green": "녹색",
    "cyan": "청록색",
    "blue": "파란색",
    "magenta": "자홍색",
}
"""Pattern -> what stands for it in the words of a descriptor's match, one after the other."""
