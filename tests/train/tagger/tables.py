#!/usr/bin/env python3
"""What the tagger knows of characters and words, from licensed sources.

    tables.py LAC_FOLDER JIEBA_DICTIONARY MEDICAL_TERMS TEXT… >tables

LAC_FOLDER: jieba/lac_small of Debian's python3-jieba (Apache-2.0), whose embeddings are clustered.
JIEBA_DICTIONARY: the dictionary with counts and parts of speech of the same package (MIT).
MEDICAL_TERMS: THUOCL's (MIT). TEXT: labelled sentences ("text TAB start,end,TYPE;…").
Writes lines "c CODE_POINT ID CLASS NAME", then "w CLASS WORD". Needs numpy and opencc.
"""
import struct
import subprocess
import sys
from collections import Counter
from math import log
from pathlib import Path

import numpy

INSTITUTION_ENDS = "院局厅部所社团队会委厂行校署处科系庭站馆店组党府司网报台军盟联企企"
PLACE_ENDS = "省市区县州镇乡村街路巷弄道号楼栋幢室里桥山河湖江海岛港湾洲国旗屯庄寨坡沟坊园苑城庭厦座层单元组"
INSTITUTION_WORDS = """公司 集团 大学 学院 医院 中学 小学 银行 法院 检察院 委员会 协会 学会 联合会 基金会 研究院
研究所 研究中心 中心 政府 人民政府 派出所 公安局 分局 支行 分行 支队 大队 报社 通讯社 电视台 电台 出版社 俱乐部
事务所 办公室 办事处 党委 党校 总局 总公司 分公司 股份 有限 交易所 工会 联盟 组织 幼儿园 卫生院 卫生所 诊所
药店 药房 超市 商场 酒店 饭店 宾馆 工厂 车间 管理局 管理处 服务站 居委会 村委会 监狱 看守所 疾控中心 保健院
服务中心 卫生服务中心 门诊部 合作社 信用社 证券 保险 博物馆 图书馆 体育馆 科技 实业 贸易""".split()
PLACE_WORDS = """街道 大街 大道 小区 社区 花园 公寓 大厦 广场 胡同 新村 家园 公园 机场 车站 火车站 高速 开发区
自治区 自治州 自治县 地区 山庄 别墅 花苑 家属院 宿舍 工业园 产业园 科技园 单元 村委会 半岛 群岛 海峡 运河 水库
平原 高原 盆地 山脉 沙漠 草原 新区 特区 公路 国道 省道 路口 地铁站 码头""".split()
COMPOUND = """欧阳 上官 司马 司徒 诸葛 夏侯 皇甫 尉迟 公孙 慕容 长孙 宇文 令狐 东方 南宫 西门 独孤 端木
轩辕 百里 呼延 东郭 澹台 赫连 钟离 濮阳 淳于 单于 太史 申屠 拓跋 第五 闻人 万俟 公冶 宗政""".split()
SURNAMES = """王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任
沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文
牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉
骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿
桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕
楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁
芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修邰赫杭况那宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元
束檀衣信展阴昝智幸奉植衡富尧闭由""".replace("\n", "")


def embeddings(folder):
    raw = (folder / "model_baseline/word_emb").read_bytes()
    table = numpy.frombuffer(raw[-20941 * 128 * 4:], "<f4").reshape(20941, 128)
    ids = {}
    for line in (folder / "word.dic").read_text().splitlines():
        number, _, word = line.partition("\t")
        if len(word) == 1:
            ids[word] = int(number)
    return table, ids


def clusters(points, count, rounds=25):
    generator = numpy.random.default_rng(7)
    points = points / (numpy.linalg.norm(points, axis=1, keepdims=True) + 1e-6)
    centres = points[generator.choice(len(points), count, replace=False)]
    for _ in range(rounds):
        nearest = (points @ centres.T).argmax(axis=1)
        for k in range(count):
            if (nearest == k).any():
                centre = points[nearest == k].sum(axis=0)
                centres[k] = centre / (numpy.linalg.norm(centre) + 1e-6)
    return nearest


def step(part, whole, total_part, total_whole):
    """0 … 3: how much likelier a character is in this place of a name than anywhere."""
    if part < 2:
        return 0
    gain = log((part / total_part) / ((whole + 20) / total_whole))
    return 1 + (gain > -0.7) + (gain > 0.9)


def main():
    lac, dictionary, medical = map(Path, sys.argv[1:4])
    seen, places = Counter(), [Counter() for _ in range(4)]

    def name(text, weight=1):
        compound = text[:2] in COMPOUND
        given = text[2:] if compound else text[1:]
        if not compound and text[0] not in SURNAMES or not 1 <= len(given) <= 2:
            return
        places[0][text[0]] += 0 if compound else weight
        if len(given) == 1:
            places[3][given] += weight
        else:
            places[1][given[0]] += weight
            places[2][given[1]] += weight

    for path in sys.argv[4:]:
        for line in open(path):
            text, _, rest = line.rstrip("\n").partition("\t")
            seen.update(text)
            for span in rest.split("\t")[0].split(";"):
                start, _, end = span.partition(",")
                end, _, kind = end.partition(",")
                if kind == "PER":
                    name(text[int(start):int(end)] or "?")
    words = {}
    for line in dictionary.read_text().splitlines():
        word, count, kind = line.split(" ")
        if kind == "nr" and 2 <= len(word) <= 4:
            name(word, 1)
        wanted = kind in ("ns", "nt", "nrt") and int(count) > 2 or int(count) >= 40
        if wanted and 2 <= len(word) <= 5 and all("\u4e00" <= c <= "\u9fff" for c in word):
            words[word] = {"ns": 1, "nr": 2, "nrt": 2, "nt": 3}.get(kind, 4)
    for line in medical.read_text().splitlines():
        word = line.split("\t")[0].strip()
        if 2 <= len(word) <= 5 and all("\u4e00" <= c <= "\u9fff" for c in word):
            words.setdefault(word, 4)
    for kind, group in ((5, COMPOUND), (6, INSTITUTION_WORDS), (7, PLACE_WORDS)):
        words.update(dict.fromkeys(group, kind))
    known = [c for c, n in seen.most_common() if n >= 4 and ord(c) < 65536 and
             not c.isascii() and not "\uff01" <= c <= "\uff5e"]
    signs = [c for c in map(chr, range(33, 127)) if not c.isalnum()]
    known = (signs + known)[:8000]
    table, ids = embeddings(lac)
    having = [c for c in known if c in ids]
    cluster = dict(zip(having, clusters(table[[ids[c] for c in having]], 140)))
    total = sum(seen.values())
    totals = [sum(place.values()) + 1 for place in places]
    ids_of = {c: 11 + k for k, c in enumerate(known)}
    for c, number in ids_of.items():
        group = 10 + int(cluster[c]) if c in cluster else 9
        if c in INSTITUTION_ENDS:
            group = 152 + INSTITUTION_ENDS.index(c)
        elif c in PLACE_ENDS:
            group = 204 + PLACE_ENDS.index(c)
        elif c in "。，！？；：、,!?;:…":
            group = 1
        code = 0
        for k, place in enumerate(places):
            code |= step(place[c], seen[c], totals[k], total) << 2 * k
        if c not in SURNAMES:
            code &= ~3
        print("c", ord(c), number, group, code)
    print_traditional(ids_of)
    for word, kind in sorted(words.items()):
        print("w", kind, word)


def print_traditional(ids_of):
    """A traditional form that is not known itself stands for its simplified one."""
    forms = [chr(k) for k in range(0x3400, 0xA000)]
    out = subprocess.run(["opencc", "-c", "t2s"], input="\n".join(forms).encode(),
                         capture_output=True, check=True).stdout.decode().split("\n")
    for form, simple in zip(forms, out):
        if form != simple and form not in ids_of and simple in ids_of:
            print("t", ord(form), ids_of[simple])


main()
