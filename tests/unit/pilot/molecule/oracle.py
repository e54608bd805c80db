#!/usr/bin/env python3
"""Writes oracle.h: RDKit's answers for some 200 molecules, every n-th of the lists given (CSV files
with a column "smiles") and the hard cases below. Needs Debian's python3-rdkit.

    oracle.py esol.csv tox21.csv >oracle.h
"""
import csv
import sys

from rdkit import Chem, DataStructs, RDLogger, rdBase
from rdkit.Chem import Crippen, Descriptors, Lipinski, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

HARD = """C1CC1 C12C3C4C1C5C2C3C45 C1CC2CCC1CC2 C1CC2CCC1C2 C1=CC=C2C=CC=C2C=C1
c1cc2ccc3cccc4ccc(c1)c2c34 C1=CC=CC=CC=C1 O=C1C=CC(=O)C=C1 O=c1cc[nH]cc1 C1=CC=C[CH+]C=C1
[cH-]1cccc1 CN1C=NC2=C1C(=O)N(C(=O)N2C)C n1cccc1 c1cnc[nH]1 O=S1(=O)C=CC=C1 S1C=CSC1=C1SC=CS1
[O-][n+]1ccccc1 CN(=O)=O CN=N#N [2H]C [H][N+]([H])([H])[H] [CH3] C=1CC1 C(=O CC)C C(C C1CC c1cccc1 cc
c1ccc2c(c1)c1ccccc1c2 c1ccc2-c3ccccc3-c2c1 F[P-](F)(F)(F)(F)F FS(F)(F)(F)(F)F FCl(F)F OI(=O)(=O)=O
CB1OC(C)(C)C(C)(C)O1 [nH+]1ccccc1 [K+].[O-]Cl(=O)(=O)=O c1cc[se]c1 C1=COC=CO1 FB(F)(F)F
CN(C)(C)C [NH3][Pt](Cl)(Cl)[NH3] C1CCC2(CC1)OCCO2 O=C1NC(=O)c2ccccc12 CC(C)(C)OC(=O)N1CCOCC1
c1ccc(cc1)C1CCN(CC1)S(=O)(=O)C Cc1ccc(C(=O)NCC#N)cc1 OC1C(O)C1(Cl)Cl CC(=NO)C1CC1""".split()


MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
PREVIOUS = []


def quote(text):
    """A C string, in pieces that keep the lines short."""
    pieces = [text[i : i + 70] for i in range(0, len(text), 70)] or [""]
    return "\n     ".join('"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in pieces)


def row(smiles):
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return "    {.smiles = %s}," % quote(smiles)
    atoms = " ".join(
        "%s%d%+d%s" % (a.GetSymbol(), a.GetTotalNumHs(), a.GetFormalCharge(), "a" * a.GetIsAromatic())
        for a in mol.GetAtoms())
    aromatic_bonds = sum(b.GetIsAromatic() for b in mol.GetBonds())
    values = [Descriptors.MolWt(mol), Crippen.MolLogP(mol), rdMolDescriptors.CalcTPSA(mol),
              Lipinski.NumHDonors(mol), Lipinski.NumHAcceptors(mol), Lipinski.NumRotatableBonds(mol),
              mol.GetRingInfo().NumRings(), Lipinski.NumAromaticRings(mol), mol.GetNumHeavyAtoms(),
              Lipinski.FractionCSP3(mol), Chem.GetFormalCharge(mol)]
    flat = Chem.MolFromSmiles(Chem.MolToSmiles(mol, isomericSmiles=False))
    scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=flat) if flat else ""
    fingerprint = MORGAN.GetFingerprint(mol)
    features = len(MORGAN.GetSparseFingerprint(mol).GetOnBits())
    similarity = DataStructs.TanimotoSimilarity(fingerprint, PREVIOUS[-1] if PREVIOUS else fingerprint)
    PREVIOUS.append(fingerprint)
    return "    {%s,\n     %s, %d, %d, %r,\n     {%s},\n     %s}," % (
        quote(smiles), quote(atoms), aromatic_bonds, features, round(similarity, 5), ", ".join(repr(round(v, 5)) for v in values),
        quote(scaffold))


RDLogger.DisableLog("rdApp.*")
chosen = []
for name in sys.argv[1:]:
    with open(name, newline="") as file:
        lines = [line["smiles"].strip() for line in csv.DictReader(file)]
    lines = [line for line in lines if len(line) < 90]
    chosen += lines[:: max(1, len(lines) // 75)]
print("// Made by oracle.py with RDKit %s. Atoms: symbol, hydrogens, charge, a for aromatic." %
      rdBase.rdkitVersion)
print("// clang-format off")
print("static const struct oracle {")
print("    const char *smiles, *atoms; // no atoms: refused")
print("    unsigned aromatic_bonds;")
print("    unsigned features; // distinct environments up to radius 2")
print("    double similarity; // to the molecule before it that parsed, 2,048 bits")
print("    double values[11];")
print("    const char *scaffold;")
print("} oracle[] = {")
for smiles in HARD + chosen:
    print(row(smiles))
print("};")
print("// clang-format on")
